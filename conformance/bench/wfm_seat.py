"""A WFM in the subject's seat: the reference or one of its broken variants, or a real one that is reached by URL."""

import contextlib
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from conformance.bench.accommodations.dialect import Dialect
from conformance.bench.accommodations.model import Accommodation
from conformance.bench.adapters.opening import reference
from conformance.bench.applications import Applications
from conformance.bench.bench import Bench
from conformance.bench.errors import UsageError
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.northbound import Northbound
from conformance.bench.probe import Endpoint
from conformance.bench.recorder import Recorder
from conformance.bench.run import Seat
from conformance.bench.wfm_bench import WfmBench
from conformance.bench.wfm_binding import SVIDS, Binding, SignedBinding, signed_binding
from conformance.bench.wfm_control import HttpControl, WfmHooks, hooks_of, joined
from conformance.bench.wfm_identities import identities
from conformance.bench.wfm_patience import Patience
from conformance.bench.wfm_roster import Roster
from conformance.bench.wfm_subject import WfmSubject
from conformance.bench.wfm_tidying import tidy
from conformance.bench.workers import Part
from conformance.catalogue import DEFAULT_REVISION, Catalogue
from simulator.identity.authority import Authority
from simulator.identity.mis_trust import MisConfig, MisTrust
from simulator.identity.spiffe import SpiffeId, wfm_spiffe_id
from simulator.identity.svid import Credential, Svid
from simulator.identity.tls import HeldCredential
from simulator.identity.trust import StaticTrust
from simulator.identity.web import ServerTrust, WebAuthority
from simulator.protocol.signed import REVISION as SIGNED_REVISION
from simulator.wfm.mutants import WFM_MUTANTS
from simulator.wfm.mutants_signed import SIGNED_MUTANTS
from simulator.wfm.server import ReferenceWfm, WfmConfig
from simulator.wfm.signed import SignedFront
from simulator.wfm.signed_server import SignedWfm

TRUST_DOMAIN = "margo.test"
WFM_ID = "Wfm-1"
REFRESH_S = 0.05
"""How often a simulated WFM asks an identity service."""

BuildWfm = Callable[[WfmConfig], ReferenceWfm]
Presents = Callable[[Authority, SpiffeId], Credential]
"""Makes what a WFM presents instead of its own SVID."""


def simulated_seat(
    ics: Ics, mutant: str | None, apps: Applications, accommodations: tuple[Accommodation, ...] = ()
) -> Seat:
    """Seat the reference WFM of the revision, or a broken variant, anew in each scenario. Raises UsageError.

    Known departures among the `accommodations` are got past.
    """
    return accommodating(_SIMULATED[ics.revision](ics, mutant, apps), accommodations)


def accommodating(seat: Seat, accommodations: tuple[Accommodation, ...]) -> Seat:
    """Have the bench of a WFM get past known departures."""
    if not accommodations:
        return seat
    make, dialect = seat.make_bench, Dialect(accommodations)

    def made(ics: Ics, recorder: Recorder, catalogue: Catalogue, loop: BackgroundLoop) -> Bench:
        bench = make(ics, recorder, catalogue, loop)
        assert isinstance(bench, WfmBench)  # noqa: S101 - every seat of this module makes one
        bench.dialect = dialect
        return bench

    return replace(seat, make_bench=made, accommodations=accommodations)


def _with_svids(ics: Ics, mutant: str | None, apps: Applications) -> Seat:
    if mutant is not None and mutant not in WFM_MUTANTS:
        raise UsageError(f"mutant: expected one of {', '.join(sorted(WFM_MUTANTS))}, found {mutant!r}")
    if mutant is None:
        return seat_of(ics, "simulated", apps, ReferenceWfm)
    broken = WFM_MUTANTS[mutant]
    return seat_of(ics, f"simulated:{mutant}", apps, broken.build, broken.presents, broken.root)


def seat_of(
    ics: Ics, target: str, apps: Applications, build: BuildWfm, presents: Presents | None = None, root: str = ""
) -> Seat:
    """Seat a WFM that is built here, in-process and with every hook; `root` is the path it is reached behind."""
    make = partial(WfmBench, open_subject=partial(_simulated, build, presents, root), apps=apps)
    return Seat(
        ics,
        target,
        make,
        frozenset(
            {"northbound", "retire", "load-limit", "compression", "restart", "version", "identity-service", "placement"}
        ),
    )


@dataclass(frozen=True, slots=True)
class Sharing:
    """How one process takes part in a run against a WFM that goes on living.

    `client_ids` are the only clients the WFM takes, if any; `fresh`: it has nothing of them. `part` is this process's
    share of a run by several, `lock` the file by which these take turns.
    """

    client_ids: tuple[str, ...] = ()
    fresh: bool = False
    part: Part | None = None
    lock: Path | None = None

    @property
    def own_ids(self) -> tuple[str, ...]:
        """The client ids for this process; raises UsageError when there are fewer than processes."""
        if self.part is None or not self.client_ids:
            return self.client_ids
        if len(self.client_ids) < self.part.of:
            raise UsageError(f"--jobs: expected at most one for each of the {len(self.client_ids)} client ids given")
        return self.client_ids[self.part.index :: self.part.of]


def external_seat(
    ics: Ics,
    url: str,
    northbound: Northbound | None,
    identity: Path,
    apps: Applications,
    hooks: WfmHooks | None = None,
    sharing: Sharing | None = None,
    patience: Patience | None = None,
) -> Seat:
    """Seat a real WFM.

    `identity` holds the test authority of the trust domain in which the WFM was provisioned (`Authority.write`), and
    `wfm.json` with its `wfmId`; or, instead of the authority, the trust bundle and clients' SVIDs that it issued.
    Without fixed client ids the WFM has to accept clients of that trust domain that it has not seen before. Without
    `northbound`, scenarios that need deployments are blocked by name. `patience` may know already that it is silent.
    Raises UsageError.
    """
    patience = patience or Patience()
    endpoint = Endpoint.of(url)
    sharing = sharing or Sharing()
    authority, wfm_id, given, binding = _KNOWN_BY[ics.revision](identity, sharing)
    if given and not sharing.client_ids:
        sharing = replace(sharing, client_ids=given)
    able = joined(hooks, hooks_of(northbound, endpoint) if northbound else None)
    register = partial(_register, northbound) if northbound is not None and northbound.can("register") else None
    roster = Roster(sharing.own_ids, fresh=sharing.fresh, register=register)
    subject = partial(
        WfmSubject,
        endpoint,
        authority,
        wfm_id,
        northbound,
        able,
        roster=roster,
        binding=binding,
        lock=sharing.lock,
        patience=patience,
    )
    names = set(able.names) | (set(northbound.hooks) if northbound is not None else set())
    make = partial(WfmBench, open_subject=lambda _: subject(), apps=apps, at_end=tidy)
    return Seat(ics, url, make, frozenset(names), given_up=lambda: patience.given_up)


KnownBy = tuple[Authority, str, tuple[str, ...], Binding]
"""The authority for SVIDs, the WFM's id in it, the clients whose credentials were given, and how clients come."""


def _by_svids(identity: Path, _sharing: Sharing) -> KnownBy:
    return (*identities(identity), SVIDS)


def _by_certificates(identity: Path, sharing: Sharing) -> KnownBy:
    # there are no SVIDs in this revision: what is made with them belongs to scenarios that it does not have
    return _test_identity()[0], WFM_ID, (), signed_binding(identity, sharing.client_ids)


_KNOWN_BY: Mapping[str, Callable[[Path, Sharing], KnownBy]] = {
    DEFAULT_REVISION: _by_svids,
    SIGNED_REVISION: _by_certificates,
}


def _register(northbound: Northbound, client_id: str) -> None:
    northbound.do("register", client=client_id)


@cache
def _test_identity() -> tuple[Authority, Svid]:
    """One authority for all simulated WFMs of a process: keys are made per run, not per scenario."""
    authority = Authority.new(TRUST_DOMAIN)
    return authority, authority.issue(wfm_spiffe_id(TRUST_DOMAIN, WFM_ID))


def _simulated(build: BuildWfm, presents: Presents | None, root: str, loop: BackgroundLoop) -> WfmSubject:
    authority, svid = _test_identity()
    cleanup = contextlib.ExitStack()
    folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="margo-wfm-"))
    config = WfmConfig(
        TRUST_DOMAIN,
        WFM_ID,
        svid=HeldCredential(presents(authority, svid.spiffe_id)) if presents else svid,
        trust=StaticTrust(authority.bundle()),
        control_port=0,
        store_url=f"sqlite:///{folder}/wfm.db",
    )
    running = _Running(build, config, loop)
    cleanup.callback(running.stop)
    northbound = reference(f"http://127.0.0.1:{running.wfm.northbound_port}")
    cleanup.callback(northbound.close)
    control = HttpControl(f"http://127.0.0.1:{running.wfm.control_port}")
    hooks = WfmHooks(
        control.limit_load,
        control.lift_load,
        control.compress,
        control.next_version,
        running.restart,
        running.follow,
        REFRESH_S,
    )
    endpoint = Endpoint.of(f"{running.wfm.management_url}{root}")
    return WfmSubject(endpoint, authority, WFM_ID, northbound, hooks, cleanup)


BuildSigned = Callable[[WfmConfig, SignedFront], ReferenceWfm]


def _with_signatures(ics: Ics, mutant: str | None, apps: Applications) -> Seat:
    if mutant is None:
        return signed_seat(ics, "simulated", apps, SignedWfm)
    if mutant not in SIGNED_MUTANTS:
        raise UsageError(f"mutant: expected one of {', '.join(sorted(SIGNED_MUTANTS))}, found {mutant!r}")
    return signed_seat(ics, f"simulated:{mutant}", apps, SIGNED_MUTANTS[mutant].build)


def signed_seat(ics: Ics, target: str, apps: Applications, build: BuildSigned) -> Seat:
    """Seat a WFM of revision 1.0.0-rc.2-signed that is built here, in-process."""
    make = partial(WfmBench, open_subject=partial(_simulated_signed, build), apps=apps)
    hooks = {"northbound", "retire", "load-limit", "compression", "restart", "version", "placement", "admission"}
    return Seat(ics, target, make, frozenset(hooks))


@cache
def _web_authority() -> WebAuthority:
    """One authority for the HTTPS servers of all simulated WFMs of a process."""
    return WebAuthority.new()


def _simulated_signed(build: BuildSigned, loop: BackgroundLoop) -> WfmSubject:
    authority, _ = _test_identity()
    web = _web_authority()
    cleanup = contextlib.ExitStack()
    folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="margo-wfm-"))
    front = SignedFront(web.issue(), web.root.certificate)
    config = WfmConfig(TRUST_DOMAIN, WFM_ID, control_port=0, store_url=f"sqlite:///{folder}/wfm.db")
    running = _Running(lambda wanted: build(wanted, front), config, loop)
    cleanup.callback(running.stop)
    northbound = reference(f"http://127.0.0.1:{running.wfm.northbound_port}")
    cleanup.callback(northbound.close)
    control = HttpControl(f"http://127.0.0.1:{running.wfm.control_port}")
    hooks = WfmHooks(
        control.limit_load,
        control.lift_load,
        control.compress,
        control.next_version,
        running.restart,
        admit=running.admit,
    )
    endpoint = Endpoint.of(running.wfm.management_url)
    binding = SignedBinding(web.anchors)
    return WfmSubject(endpoint, authority, WFM_ID, northbound, hooks, cleanup, binding=binding)


_SIMULATED: Mapping[str, Callable[[Ics, str | None, Applications], Seat]] = {
    DEFAULT_REVISION: _with_svids,
    SIGNED_REVISION: _with_signatures,
}


class _Running:
    """A simulated WFM that can be started anew from what it stored, on the same ports."""

    def __init__(self, build: BuildWfm, config: WfmConfig, loop: BackgroundLoop) -> None:
        self._build = build
        self._config = config
        self._loop = loop
        self.wfm = self._started()

    def stop(self) -> None:
        """Stop it."""
        self._loop.run(self.wfm.stop())

    def follow(self, discovery_url: str, server_trust: ServerTrust) -> Callable[[], None]:
        """Start it anew with no trust but what an identity service gives; gives what ends the asking."""
        self.stop()
        config = MisConfig(TRUST_DOMAIN, server_trust, discovery_url, interval_s=REFRESH_S, retry_s=REFRESH_S)
        trust = MisTrust(config)
        self._loop.run(trust.start())
        self._restart_with(trust=trust)
        return lambda: self._loop.run(trust.stop())

    def admit(self, accepted: frozenset[str] | None) -> None:
        """Have a WFM that onboards take these certificates only (SHA-256 fingerprints); None for all."""
        assert isinstance(self.wfm, SignedWfm)  # noqa: S101 - nothing else is built with this ability
        self.wfm.clients.accepted = accepted

    def restart(self) -> None:
        """Stop it, and start another one in its place."""
        self.stop()
        self._restart_with()

    def _restart_with(self, **changes: Any) -> None:
        old = self.wfm
        self._config = replace(
            self._config,
            **changes,
            management_port=old.management_port,
            northbound_port=old.northbound_port,
            control_port=old.control_port,
        )
        self.wfm = self._started()

    def _started(self) -> ReferenceWfm:
        wfm = self._build(self._config)
        self._loop.run(wfm.start())
        return wfm
