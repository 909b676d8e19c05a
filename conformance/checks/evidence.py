"""The evidence of one scenario, in the terms of the specification: polls, offers, reports.

Everything is derived from recorded exchanges, connections and facts; nothing is asked of the subject or the simulator.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import yaml

from conformance.catalogue import DEFAULT_REVISION, Catalogue, load
from conformance.checks.departures import Departed, departed
from conformance.record.events import Connection, Exchange, Fact, Role

ADOPTED = "adoptedManifestVersion"


@dataclass(frozen=True, slots=True)
class Offer:
    """A state manifest that was served with 200."""

    exchange: Exchange
    version: int | None
    manifest: Mapping[str, Any] | None
    """Parsed body; None when it is no JSON object."""

    @property
    def etag(self) -> str | None:
        """The entity tag it was served with."""
        return self.exchange.response_header("ETag")

    @property
    def refs(self) -> tuple[Mapping[str, Any], ...]:
        """The entries of `deployments`, as far as they are objects."""
        entries = (self.manifest or {}).get("deployments")
        return tuple(item for item in entries if isinstance(item, dict)) if isinstance(entries, list) else ()

    @property
    def bundle(self) -> Mapping[str, Any] | None:
        """The bundle reference, when there is one."""
        bundle = (self.manifest or {}).get("bundle")
        return bundle if isinstance(bundle, dict) else None

    @property
    def deployment_ids(self) -> frozenset[str]:
        """The deployments that are in it."""
        return frozenset(str(ref.get("deploymentId")) for ref in self.refs)


@dataclass(frozen=True, slots=True)
class Report:
    """A deployment status report as the device sent it."""

    exchange: Exchange
    document: Mapping[str, Any]
    served: int | None = None
    """The newest version that it can speak of, in a revision whose reports do not name one."""

    @property
    def deployment_id(self) -> str:
        """The deployment it speaks of, by its route."""
        return self.exchange.params.get("deploymentId", "")

    @property
    def state(self) -> str | None:
        """The overall state."""
        status = self.document.get("status")
        state = status.get("state") if isinstance(status, dict) else None
        return state if isinstance(state, str) else None

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The overall error."""
        status = self.document.get("status")
        error = status.get("error") if isinstance(status, dict) else None
        return error if isinstance(error, dict) else None

    @property
    def components(self) -> tuple[Mapping[str, Any], ...]:
        """The component entries, as far as they are objects."""
        entries = self.document.get("components")
        return tuple(item for item in entries if isinstance(item, dict)) if isinstance(entries, list) else ()

    @property
    def component_states(self) -> dict[str, str]:
        """State by component name."""
        return {str(item.get("name")): str(item.get("state")) for item in self.components}

    @property
    def tells_version(self) -> bool:
        """Whether it names the version itself."""
        version = self.document.get(ADOPTED)
        return isinstance(version, int) and not isinstance(version, bool)

    @property
    def version(self) -> int | None:
        """`adoptedManifestVersion`; in a revision that does not have it, the newest version that it can speak of."""
        return int(self.document[ADOPTED]) if self.tells_version else self.served


@dataclass(frozen=True)
class Record:
    """What was recorded of one scenario, in order."""

    role: Role
    exchanges: tuple[Exchange, ...] = ()
    connections: tuple[Connection, ...] = ()
    facts: tuple[Fact, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    """What the subject's statement says, and what it was given: revision, features, policies, deadlines."""

    @property
    def revision(self) -> str:
        """The revision of the specification that the subject is held to."""
        return str(self.claims.get("revision", DEFAULT_REVISION))

    @property
    def catalogue(self) -> Catalogue:
        """The revision by which it is judged, with what it puts on the wire and its JSON Schemas."""
        return load(self.revision)

    def of(self, operation: str, *, status: int | None = None, **params: str) -> tuple[Exchange, ...]:
        """Give the exchanges of an operation, with a status or parameters if given."""
        return tuple(
            exchange
            for exchange in self.exchanges
            if exchange.operation == operation
            and (status is None or exchange.status == status)
            and all(exchange.params.get(name) == value for name, value in params.items())
        )

    def facts_of(self, kind: str) -> tuple[Fact, ...]:
        """Give the facts of a kind."""
        return tuple(fact for fact in self.facts if fact.kind == kind)

    def last_fact(self, kind: str) -> Fact | None:
        """Give the latest fact of a kind."""
        return next(iter(reversed(self.facts_of(kind))), None)

    def since(self, at: float | Fact | Exchange | None) -> "Record":
        """Give what began at or after a time (seconds since the run began) or after an event."""
        if at is None:
            return self
        moment = at if isinstance(at, float | int) else at.at
        return Record(
            self.role,
            tuple(item for item in self.exchanges if item.at >= moment),
            tuple(item for item in self.connections if item.at >= moment),
            tuple(item for item in self.facts if item.at >= moment),
            self.claims,
        )

    def before(self, at: float) -> "Record":
        """Give what began before a time."""
        return Record(
            self.role,
            tuple(item for item in self.exchanges if item.at < at),
            tuple(item for item in self.connections if item.at < at),
            tuple(item for item in self.facts if item.at < at),
            self.claims,
        )

    @cached_property
    def departed(self) -> Mapping[int, Departed]:
        """What known departures do to statements, by the number of an event that shows them."""
        return departed(self.facts)

    @cached_property
    def polls(self) -> tuple[Exchange, ...]:
        """Every request for the state manifest."""
        return self.of("fetch-manifest")

    @cached_property
    def offers(self) -> tuple[Offer, ...]:
        """Every manifest served with 200; not those too large to be recorded, of which nothing is known."""
        return tuple(_offers(self.of("fetch-manifest", status=200)))

    @cached_property
    def fetches(self) -> tuple[Exchange, ...]:
        """Every request for a bundle or for one deployment."""
        return tuple(item for item in self.exchanges if item.operation in ("fetch-bundle", "fetch-deployment"))

    @cached_property
    def reports(self) -> tuple[Report, ...]:
        """Every status report sent, in order; not those too large to be recorded, of which nothing is known."""
        whole = (item for item in self.of("report-status") if not item.request.cut)
        named = ADOPTED in load(self.revision).schema("deployment-status")["properties"]
        return tuple(
            Report(item, parsed(item.request.readable) or {}, None if named else self._served(item)) for item in whole
        )

    def _served(self, before: Exchange) -> int | None:
        """Give the newest version of the WFM's own that the device had when it sent something.

        After a reset only what it was served since counts, and where that was the bench's own wrong state, that one.
        """
        resets = [fact.at for fact in self.facts_of("factory-reset") if fact.at <= before.at]
        since, wrong = max(resets, default=0.0), {fact.data["label"] for fact in self.facts_of("offered")}
        known = None if resets else self.last_fact("provisioned")
        met = [item for item in self.offers if since <= item.exchange.at and item.exchange.finished <= before.at]
        own = [item for item in met if item.exchange.fault not in wrong] or (met if resets else [])
        versions = [item.version for item in own if item.version is not None]
        return max([int(known.data.get("knownVersion", 0)) if known else 0, *versions]) or None

    def reports_of(self, deployment_id: str) -> tuple[Report, ...]:
        """Give the reports of one deployment."""
        return tuple(report for report in self.reports if report.deployment_id == deployment_id)

    def last_report(self, deployment_id: str) -> Report | None:
        """Give the newest report of one deployment."""
        return next(iter(reversed(self.reports_of(deployment_id))), None)

    @cached_property
    def capability_reports(self) -> tuple[Exchange, ...]:
        """Every capabilities report."""
        return self.of("report-capabilities")

    def deployment_yaml(self, deployment_id: str, digest: str | None = None) -> Mapping[str, Any] | None:
        """Give a deployment's document as the bench published it (fact `published`), newest first."""
        for fact in reversed(self.facts_of("published")):
            if fact.data.get("deploymentId") == deployment_id and digest in (None, fact.data.get("digest")):
                document = fact.data.get("document")
                return document if isinstance(document, dict) else None
        return None


def asked_at(fact: Fact) -> float:
    """When a change was asked for that a fact tells the end of: from then on it may be in force already."""
    return float(fact.data.get("began", fact.at))


def parsed(data: bytes | None) -> Mapping[str, Any] | None:
    """Parse a JSON object exactly; None when it is something else."""
    try:
        value = json.loads(data or b"")
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def parsed_yaml(data: bytes | None) -> Mapping[str, Any] | None:
    """Parse a YAML mapping safely; None when it is something else."""
    try:
        value = yaml.safe_load(data or b"")
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def problem_of(exchange: Exchange) -> Mapping[str, Any]:
    """Give the problem document of an error answer; empty when there is none, or it was not recorded."""
    return parsed(exchange.response.readable) or {}


def _offers(exchanges: Sequence[Exchange]) -> Iterator[Offer]:
    for exchange in exchanges:
        if exchange.response.cut:
            continue
        manifest = parsed(exchange.response.readable)
        version = (manifest or {}).get("manifestVersion")
        whole = isinstance(version, int) and not isinstance(version, bool)
        yield Offer(exchange, version if whole else None, manifest)
