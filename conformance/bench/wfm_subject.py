"""A WFM in the subject's seat, as the bench sees it for one scenario: where it is, whom it trusts, what can be done."""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from conformance.bench.errors import Blocked
from conformance.bench.loop import BackgroundLoop
from conformance.bench.northbound import Northbound
from conformance.bench.probe import Endpoint
from conformance.bench.wfm_binding import SVIDS, Binding
from conformance.bench.wfm_control import WfmHooks
from conformance.bench.wfm_patience import Patience
from conformance.bench.wfm_roster import Roster
from simulator.identity.authority import Authority
from simulator.identity.spiffe import SpiffeId, client_spiffe_id


@dataclass(frozen=True, slots=True)
class WfmSubject:
    """One WFM. `authority` is the test authority of the trust domain in which it was provisioned."""

    endpoint: Endpoint
    authority: Authority
    wfm_id: str
    northbound: Northbound | None = None
    hooks: WfmHooks = field(default_factory=WfmHooks)
    cleanup: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    roster: Roster = field(default_factory=Roster)
    binding: Binding = SVIDS
    """How clients come to it."""
    lock: Path | None = None
    """Where the processes that share it take turns."""
    patience: Patience = field(default_factory=Patience)
    """How long it is tried when it answers nothing; shared by the scenarios of a run."""

    def client_id(self, wfm_client_id: str) -> SpiffeId:
        """Give the SPIFFE ID of a client."""
        return client_spiffe_id(self.authority.trust_domain, self.wfm_id, wfm_client_id)

    def operator(self) -> Northbound:
        """Give the operator's side; raises Blocked without one."""
        if self.northbound is None:
            raise Blocked("needs northbound, which the bench has no hook for")
        return self.northbound

    def close(self) -> None:
        """Let go of it."""
        self.cleanup.close()


OpenSubject = Callable[[BackgroundLoop], WfmSubject]
"""Makes the subject of one scenario; raises Blocked or UsageError."""
