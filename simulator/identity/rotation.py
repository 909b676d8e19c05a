"""Replacing the anchor of a trust domain in four steps, so that no peer is cut off.

Source: ID-64: publish both anchors, wait at least the longest refresh interval, switch issuance, retire the old anchor.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import IntEnum

from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.errors import IdentityError


class Stage(IntEnum):
    """How far a rotation is; each step leads to the next stage."""

    NOT_STARTED = 0
    BOTH_PUBLISHED = 1
    REFRESHED = 2
    ISSUANCE_SWITCHED = 3
    OLD_RETIRED = 4


class RotationOrder(IdentityError):
    """A step was asked for out of its order."""


class Rotation:
    """One rotation from `old` to a new root. Every bundle published has the next sequence number.

    `publish` hands a bundle to the identity service, or to whoever delivers it out of band.
    """

    def __init__(
        self,
        old: Authority,
        publish: Callable[[TrustBundle], None],
        *,
        sequence: int = 1,
        refresh_hint: int | None = None,
    ) -> None:
        self.old = old
        self.new = old.second_root()
        self.stage = Stage.NOT_STARTED
        self._publish = publish
        self._sequence = sequence
        self._refresh_hint = refresh_hint

    @property
    def issuer(self) -> Authority:
        """The authority that issues SVIDs at this stage."""
        return self.new if self.stage >= Stage.ISSUANCE_SWITCHED else self.old

    def publish_both(self) -> TrustBundle:
        """Step 1: publish a bundle with the old and the new anchor; give it.

        Raises:
            RotationOrder: the rotation has started already.
        """
        self._step(Stage.BOTH_PUBLISHED)
        return self._publish_anchors(self.old, self.new)

    async def wait(self, longest_refresh_s: float, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        """Step 2: wait until every verifier has refreshed; `longest_refresh_s` is their longest interval in seconds.

        Raises:
            RotationOrder: both anchors are not published, or the wait is over already.
        """
        self._check(Stage.REFRESHED)
        await sleep(longest_refresh_s)
        self._step(Stage.REFRESHED)

    def switch_issuance(self) -> Authority:
        """Step 3: issue from the new root; give its authority. SVIDs of the old one are to be renewed now.

        Raises:
            RotationOrder: verifiers have not had time to refresh.
        """
        self._step(Stage.ISSUANCE_SWITCHED)
        return self.new

    def retire_old(self) -> TrustBundle:
        """Step 4: publish a bundle with the new anchor only; give it.

        Raises:
            RotationOrder: issuance has not been switched.
        """
        self._step(Stage.OLD_RETIRED)
        return self._publish_anchors(self.new)

    def _publish_anchors(self, *authorities: Authority) -> TrustBundle:
        self._sequence += 1
        anchors = tuple(authority.anchor for authority in authorities)
        bundle = TrustBundle(self.old.trust_domain, anchors, self._sequence, self._refresh_hint)
        self._publish(bundle)
        return bundle

    def _check(self, stage: Stage) -> None:
        if stage != self.stage + 1:
            raise RotationOrder(f"rotation is at {self.stage.name}, {stage.name} cannot follow")

    def _step(self, stage: Stage) -> None:
        self._check(stage)
        self.stage = stage
