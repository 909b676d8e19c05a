"""What goes into the agent core and what comes out of it.

Inputs tell what happened, effects what is to be done; the core itself has no clock, no socket, no file and no
randomness. All are frozen, so that a driver may keep, replay or drop them: a power cut is "stop between two effects".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.device.durable import Durable
from simulator.device.facts import DeviceFacts

FailureKind = Literal["refused", "reset", "timeout", "tls", "half-sent", "too-large", "foreign-url"]
"""Why a request got no usable answer."""

PointName = Literal[
    "manifest-taken", "artefacts-fetched", "component-installing", "state-stored", "status-sent", "capabilities-sent"
]
"""Named places in an update at which a driver can cut the power (RB-03)."""

Outcome = Literal["installed", "failed", "removed", "removal-failed"]
"""How an operation of a runtime ended."""

LogKind = Literal["security", "refused", "failure", "info"]
"""What a log entry is about; `security` are the events of DS-070."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One component as the machine shows it: which revision of which deployment, and whether it runs.

    `fingerprint` covers what the component is made of (source, revision, parameters); "" when someone changed it.
    `managed` is false for a workload that no agent started.
    """

    deployment_id: str
    component: str
    fingerprint: str
    running: bool
    managed: bool = True


@dataclass(frozen=True, slots=True)
class Started:
    """The agent begins, or begins again, and finds this on the machine."""

    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer that SetTimer asked for has run out; timers that were set anew or cancelled never fire."""

    name: str


@dataclass(frozen=True, slots=True)
class ResponseArrived:
    """The answer to a request: header names in lower case, the body after undoing Content-Encoding (DS-050)."""

    request_id: int
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class RequestFailed:
    """A request without an answer."""

    request_id: int
    kind: FailureKind
    message: str = ""


@dataclass(frozen=True, slots=True)
class WorkloadEvent:
    """A runtime ended the operation `op`; `code` and `message` say why when it failed."""

    op: int
    deployment_id: str
    component: str
    outcome: Outcome
    code: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class MachineObserved:
    """The answer to Observe: everything that is on the machine."""

    seen: tuple[Seen, ...]


@dataclass(frozen=True, slots=True)
class CapabilitiesChanged:
    """The facts of the device or of the devices behind it are others now (DC-004)."""

    facts: DeviceFacts


Input = Started | TimerFired | ResponseArrived | RequestFailed | WorkloadEvent | MachineObserved | CapabilitiesChanged
Answer = ResponseArrived | RequestFailed


@dataclass(frozen=True, slots=True)
class Send:
    """Send a request; the target is used byte for byte. Answer with ResponseArrived or RequestFailed."""

    request_id: int
    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class SetTimer:
    """Fire `name` after `delay_s` seconds; replaces a timer of that name."""

    name: str
    delay_s: float


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """Forget the timer of that name, if there is one."""

    name: str


@dataclass(frozen=True, slots=True)
class Persist:
    """Store this state durably before any later effect is carried out."""

    state: Durable


@dataclass(frozen=True, slots=True)
class StartComponent:
    """Install or update a component; answer with WorkloadEvent(op).

    `keep_old`: an earlier revision of it runs on until the new one is up, and stays if that fails.
    """

    op: int
    deployment_id: str
    component: str
    kind: str
    repository: str
    revision: str
    parameters: Mapping[str, Any]
    fingerprint: str
    digest: str
    device_id: str
    keep_old: bool = True


@dataclass(frozen=True, slots=True)
class StopComponent:
    """Stop and remove a component; answer with WorkloadEvent(op)."""

    op: int
    deployment_id: str
    component: str


@dataclass(frozen=True, slots=True)
class CancelComponent:
    """Give up the operation `op`; there will be no event for it."""

    op: int


@dataclass(frozen=True, slots=True)
class Observe:
    """Look at the machine and answer with MachineObserved."""


@dataclass(frozen=True, slots=True)
class Log:
    """Something a person should be able to read afterwards."""

    kind: LogKind
    message: str


@dataclass(frozen=True, slots=True)
class Point:
    """The agent has come to this place."""

    name: PointName


Effect = (
    Send | SetTimer | CancelTimer | Persist | StartComponent | StopComponent | CancelComponent | Observe | Log | Point
)
