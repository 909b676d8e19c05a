"""What a search has the WFM answer wrongly: content that is damaged, malformed, old or missing, and an overload.

Every action fits one sentence of the steps, so that a counterexample reads as a scenario.
"""

from typing import Annotated, Literal, Self

from pydantic import Field

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_offers import ALGORITHMS, DAMAGES, MALFORMED
from conformance.checks.device import evidence, refusal, retry
from conformance.search.device_changes import DeviceAction, Release, Role
from conformance.search.device_model import INTRUDER, DeviceModel
from conformance.search.device_promises import publish, wait_for_rest

DAMAGED: tuple[str, ...] = tuple(DAMAGES)
UNCHECKABLE: tuple[str, ...] = tuple(ALGORITHMS)
UNREADABLE: tuple[str, ...] = tuple(MALFORMED)
SHORT_S = 1
"""The patience that an overloaded WFM asks for, in whole seconds, as `Retry-After` has them."""


class OfferDamaged(DeviceAction):
    """Content comes with other bytes than its digest says, or with a digest that cannot be checked."""

    do: Literal["offer-damaged"] = "offer-damaged"
    role: Role
    release: Release = 0
    damage: str

    def fit(self, model: DeviceModel) -> Self | None:
        """The device has to be at rest, so that what it does is for the offer."""
        role = model.one_wanted(self.role)
        if not model.steady or role is None or self.damage not in (*DAMAGED, *UNCHECKABLE):
            return None
        return self.model_copy(update={"role": role, "release": model.novel_release()})

    def sentence(self) -> str:
        """Say it."""
        return f'the WFM offers "{self.role}" release {self.release} with {self.damage}'

    def outcome(self) -> str:
        """It is refused."""
        checkable = self.damage in DAMAGED
        return f"the device refuses the {'damaged state' if checkable else 'digest that it cannot check'}"

    def perform(self, bench: DeviceBench) -> None:
        """Offer, wait for the window, judge."""
        wait_for_rest(bench)
        bench.offer(self.damage, (self.role, self.release), extra=INTRUDER)
        bench.settle()
        bench.end_offer()
        bench.look()
        if self.damage in UNCHECKABLE:
            bench.judge(refusal.unsupported_algorithm_is_refused)
        else:
            bench.judge(refusal.damaged_content_is_refused)
        if self.damage == "only the archive damaged":
            bench.judge(refusal.damaged_archive_is_not_gone_around)


class OfferMalformed(DeviceAction):
    """A manifest comes that is none."""

    do: Literal["offer-malformed"] = "offer-malformed"
    role: Role
    release: Release = 0
    defect: str

    def fit(self, model: DeviceModel) -> Self | None:
        """The device has to be at rest."""
        role = model.one_wanted(self.role)
        if not model.steady or role is None or self.defect not in UNREADABLE:
            return None
        return self.model_copy(update={"role": role, "release": model.novel_release()})

    def sentence(self) -> str:
        """Say it."""
        return f"the WFM offers a desired state that is {self.defect}"

    def outcome(self) -> str:
        """It is refused."""
        return "the device refuses what it cannot read"

    def perform(self, bench: DeviceBench) -> None:
        """Offer, wait for the window, judge."""
        wait_for_rest(bench)
        bench.offer(self.defect, (self.role, self.release), extra=INTRUDER)
        bench.settle()
        bench.end_offer()
        bench.look()
        bench.judge(refusal.malformed_state_is_refused)


class OfferOlder(DeviceAction):
    """Other content comes under the version that is held, or an older one."""

    do: Literal["offer-older"] = "offer-older"
    role: Role
    release: Release = 0
    steps: Annotated[int, Field(ge=0, le=5)] = 0

    def fit(self, model: DeviceModel) -> Self | None:
        """There have to be older versions."""
        role = model.one_wanted(self.role)
        older = min(self.steps, sum(model.releases.values()) - 1)
        if not model.steady or role is None:
            return None
        return self.model_copy(update={"role": role, "steps": older, "release": model.novel_release()})

    def sentence(self) -> str:
        """Say it."""
        if not self.steps:
            return "the WFM offers other content under the version that is held"
        return f"the WFM offers other content under a version that is {self.steps} older"

    def outcome(self) -> str:
        """It is refused."""
        return "the device refuses what is not newer"

    def perform(self, bench: DeviceBench) -> None:
        """Offer, wait for the window, judge."""
        wait_for_rest(bench)
        version = max(1, bench.world.version - self.steps)
        bench.offer("older", (self.role, self.release), version=version, extra=INTRUDER)
        bench.settle()
        bench.end_offer()
        bench.look()
        bench.judge(refusal.older_or_equal_state_is_refused)


class ContentMissing(DeviceAction):
    """The content of the next release cannot be found for a while."""

    do: Literal["content-missing"] = "content-missing"
    role: Role
    release: Release = 0

    def fit(self, model: DeviceModel) -> Self | None:
        """The application has to be there, to see that it stays."""
        role = model.one_wanted(self.role)
        if not model.steady or role is None:
            return None
        return self.model_copy(update={"role": role, "release": model.next_release(role)})

    def sentence(self) -> str:
        """Say it."""
        return f'the content of "{self.role}" release {self.release} cannot be found for a while'

    def outcome(self) -> str:
        """It is not removed for that."""
        return f'the device does not take it as an order to remove "{self.role}"'

    def perform(self, bench: DeviceBench) -> None:
        """Hide the content, publish, judge, and show it again."""
        wait_for_rest(bench)
        for operation in ("fetch-deployment", "fetch-bundle"):
            since = bench.answer(operation, 404, times=None)
        publish(bench, self.role, self.release)
        bench.until(
            lambda record: any(
                item.status == 404 and len(evidence.polls_after(record, item.finished)) >= 2
                for item in record.fetches
                if item.at > since.at
            ),
            "settle",
        )
        bench.judge(refusal.missing_content_is_no_removal, deployment=bench.deployment_id(self.role), since=since)
        bench.recover()


class Overloaded(DeviceAction):
    """The WFM answers a poll with 503 and asks for patience."""

    do: Literal["overloaded"] = "overloaded"

    def fit(self, model: DeviceModel) -> Self | None:
        """Somebody has to ask."""
        return self if model.reachable else None

    def sentence(self) -> str:
        """Say it."""
        return f"the WFM is overloaded when the device polls and asks for {SHORT_S} second of patience"

    def outcome(self) -> str:
        """It is patient."""
        return "the device does not ask again before that time"

    def perform(self, bench: DeviceBench) -> None:
        """Answer once, wait for the next poll, judge."""
        problem = {"retryable": True, "retryAfterSeconds": SHORT_S, "backoffStrategy": "exponential"}
        fact = bench.answer("fetch-manifest", 503, headers={"Retry-After": str(SHORT_S)}, problem=problem)
        bench.until(
            lambda record: any(retry.next_of(record, item) is not None for item in retry.refusals(record, fact)),
            "retry",
        )
        bench.judge(retry.retry_after_is_respected)
