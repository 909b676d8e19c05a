"""What is seen of a device over a whole run or a minute of watching: its polling, what it reports, how it fetches."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

from conformance.checks.claims import Trait
from conformance.checks.evidence import parsed
from conformance.record.events import Connection, Exchange, Fact, ScenarioFinished, _Event

KEPT_GAPS = 10_000
ENOUGH_GAPS = 3
"""As many distances of polls tell a period."""


@dataclass
class Sightings:
    """Hears every event of a run, and keeps what tells the nature of the device. What is kept is bounded."""

    capabilities: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The first report of each device, by its id; later ones add deployment types."""
    types: set[str] = field(default_factory=set)
    runtimes: set[str] = field(default_factory=set)
    polls: int = 0
    conditional: int = 0
    unconditional: int = 0
    """Polls without a tag although the device was given one before."""
    bundles: int = 0
    individual: int = 0
    compressed: int = 0
    connections: int = 0
    requests: int = 0
    trust_requests: int = 0
    tls: set[str] = field(default_factory=set)
    states: dict[str, list[str]] = field(default_factory=dict)
    """Overall states that were reported, by deployment, each once in a row; the first hundred deployments only."""
    shown: dict[str, _Event] = field(default_factory=dict)
    """The first event that shows something, by what it shows."""
    _gaps: deque[float] = field(default_factory=partial(deque, maxlen=KEPT_GAPS))
    _gaps_after_change: deque[float] = field(default_factory=partial(deque, maxlen=KEPT_GAPS))
    _last: dict[int | None, Exchange] = field(default_factory=dict)
    """The last poll of each scenario under way: those of several workers are heard in turn."""
    _tagged: set[int | None] = field(default_factory=set)
    """Scenarios in which the device was given a tag."""
    _retimed: set[int | None] = field(default_factory=set)
    """Scenarios in which the bench configured how the device polls."""
    _begun: dict[tuple[int | None, str], float] = field(default_factory=dict)
    """When a deployment was first reported, by scenario and deployment; until it came to an end."""
    _applied: deque[float] = field(default_factory=partial(deque, maxlen=KEPT_GAPS))

    # --- hearing ----------------------------------------------------------------------------------------------------

    def heard(self, event: _Event) -> None:
        """Take note of an event."""
        if isinstance(event, Exchange) and event.seat == "client":
            self._exchange(event)
        elif isinstance(event, Connection) and event.seat == "client" and event.outcome == "established":
            self.connections += 1
            if event.tls and event.tls.version:
                self.tls.add(event.tls.version)
        elif isinstance(event, Fact) and event.kind == "configured":
            self._retimed.add(event.scenario)
        elif isinstance(event, ScenarioFinished):
            self._forget(event.scenario)

    def _forget(self, scenario: int) -> None:
        """Drop what is only kept while a scenario is under way."""
        self._last.pop(scenario, None)
        self._tagged.discard(scenario)
        self._retimed.discard(scenario)
        for key in [key for key in self._begun if key[0] == scenario]:
            del self._begun[key]

    def _exchange(self, event: Exchange) -> None:
        self.requests += 1
        if "gzip" in (event.request_header("Accept-Encoding") or ""):
            self.compressed += 1
        match event.operation:
            case "fetch-manifest":
                self._poll(event)
            case "report-capabilities":
                self._capabilities(event)
            case "report-status":
                self._status(event)
            case "fetch-bundle":
                self.bundles += 1
                self.shown.setdefault("bundle", event)
            case "fetch-deployment":
                self.individual += 1
                self.shown.setdefault("individual", event)
            case "discover" | "fetch-trust-bundle":
                self.trust_requests += 1
                self.shown.setdefault("trust", event)

    def _poll(self, event: Exchange) -> None:
        last = self._last.get(event.scenario)
        self._last[event.scenario] = event
        self.polls += 1
        self.shown.setdefault("poll", event)
        if event.request_header("If-None-Match"):
            self.conditional += 1
        elif event.scenario in self._tagged:
            self.unconditional += 1
        if event.response_header("ETag"):
            self._tagged.add(event.scenario)
        if last is None or last.fault or event.scenario in self._retimed:
            return
        if last.status == 304:
            self._gaps.append(event.at - last.at)
        elif last.status == 200:
            self._gaps_after_change.append(event.at - last.at)

    def _capabilities(self, event: Exchange) -> None:
        name, document = event.params.get("deviceId", ""), parsed(event.request.readable)
        properties = (document or {}).get("properties")
        if not document or not isinstance(properties, dict):
            return
        if name not in self.capabilities and len(self.capabilities) < KEPT_GAPS:
            self.capabilities[name] = document
            self.shown.setdefault("child" if "/" in name else "own", event)
        for key, known in (("supportedDeploymentTypes", self.types), ("supportedRuntimes", self.runtimes)):
            known.update(_texts(properties.get(key)))

    def _status(self, event: Exchange) -> None:
        status = (parsed(event.request.readable) or {}).get("status")
        state = str(status.get("state")) if isinstance(status, dict) else "?"
        name = event.params.get("deploymentId", "")
        if name in self.states or len(self.states) < 100:
            states = self.states.setdefault(name, [])
            if states[-1:] != [state] and len(states) < 100:
                states.append(state)
        self._time(event, name, state)

    def _time(self, event: Exchange, name: str, state: str) -> None:
        """Take the time from the first report of a deployment to the one that it is installed, within a scenario."""
        key = (event.scenario, name)
        if state in ("pending", "installing"):
            self._begun.setdefault(key, event.at)
        elif (begun := self._begun.pop(key, None)) is not None and state == "installed":
            self._applied.append(event.at - begun)

    # --- what that tells --------------------------------------------------------------------------------------------

    @property
    def gaps(self) -> tuple[float, ...]:
        """Distances of polls in seconds where nothing was new; else those after a new state; shortest first."""
        return tuple(sorted(self._gaps or self._gaps_after_change))

    @property
    def poll_interval(self) -> float | None:
        """The usual distance of polls in seconds; None where too few were seen."""
        return median(self.gaps) if len(self.gaps) >= ENOUGH_GAPS else None

    @property
    def applying(self) -> tuple[float, ...]:
        """Seconds from the first report of a deployment to `installed`, shortest first."""
        return tuple(sorted(self._applied))

    @property
    def children(self) -> tuple[str, ...]:
        """Ids of devices that were reported behind another one."""
        return tuple(sorted(name for name in self.capabilities if "/" in name))

    @property
    def own(self) -> Mapping[str, Any]:
        """The properties that the device reported of itself; empty where it reported none."""
        document = next((item for name, item in self.capabilities.items() if "/" not in name), {})
        return dict(document.get("properties", {}))  # only reports with an object there are kept

    @property
    def profile(self) -> str:
        """The shipped profile that fits what was reported."""
        if not self.children:
            return "standalone"
        return "hosting-gateway" if self.own.get("supportedDeploymentTypes") else "gateway"

    def traits(self) -> dict[str, Trait]:
        """Give the features that can be told from what was seen, by name; none before the device reported itself."""
        if not self.capabilities:
            return {}
        own_types = _texts(self.own.get("supportedDeploymentTypes"))
        own, child = self.of("own"), self.of("child") or self.of("own")
        reported = f"supportedDeploymentTypes: {', '.join(sorted(self.types)) or 'none'}"
        hosts = f"its own capabilities: supportedDeploymentTypes {', '.join(own_types) or 'none'}"
        behind = f"capabilities of {', '.join(self.children[:3])}" if self.children else "no device behind it reported"
        custom = "custom" in self.runtimes | self.types
        found = {
            "hosting": Trait(bool(own_types), hosts, own),
            "helm": Trait("helm" in self.types, reported, own),
            "compose": Trait("compose" in self.types, reported, own),
            "custom-runtimes": Trait(custom, f"runtimes: {', '.join(sorted(self.runtimes)) or 'none'}", own),
            "gateway-see-thru": Trait(bool(self.children) or None, behind, child),
            "trust-retrieval": Trait(
                True if self.trust_requests else None,
                f"{self.trust_requests} requests to the identity service",
                self.of("trust"),
            ),
        }
        if self.children:
            found["gateway-hosting"] = Trait(bool(own_types), hosts, own)
            found["gateway-non-hosting"] = Trait(not own_types, hosts, own)
        return found

    def of(self, what: str) -> tuple[_Event, ...]:
        """Give the first event that shows something; none where nothing does."""
        return (self.shown[what],) if what in self.shown else ()


def _texts(value: Any) -> list[str]:
    return [str(item) for item in value] if isinstance(value, list) else []
