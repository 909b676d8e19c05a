"""Which known departures a WFM shows: a short visit, and what of all that could be got past was needed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from conformance.bench import wfm_signing
from conformance.bench.accommodations.loading import of_revision, shipped
from conformance.bench.accommodations.model import Accommodation, AccommodationSet
from conformance.bench.errors import Blocked, NotSeen
from conformance.bench.northbound import NorthboundError
from conformance.bench.wfm_bench import WfmBench
from conformance.checks.departures import DEPARTED
from conformance.record.events import Exchange

FLAW = "one bit turned over"
DEPLOYING = frozenset(
    {
        "bundle-tag-missing",
        "deployments-not-found",
        "manifest-tag-of-bundle",
        "status-always-200",
        "status-always-201",
        "status-route-singular",
        "unknown-status-target-500",
    }
)
"""Departures that nothing shows without a deployment."""


@dataclass(frozen=True, slots=True)
class Found:
    """A departure that a WFM shows, and the request that first shows it as it was sent and answered."""

    accommodation: Accommodation
    shown: Exchange | None
    refused: Exchange | None

    @property
    def evidence(self) -> str:
        """The request in one line, with what came of it otherwise."""
        parts = [f"{item.method} {item.target} -> {item.status}" for item in (self.refused, self.shown) if item]
        return ", then ".join(parts)


@dataclass(frozen=True, slots=True)
class Visit:
    """What came of a visit: departures, and what could not be looked at and why."""

    found: tuple[Found, ...]
    left: tuple[str, ...]


def every(role: str, revision: str) -> tuple[Accommodation, ...]:
    """Give every shipped accommodation of a role and revision."""
    known = [item for item in shipped().accommodations if item.role == role and revision in item.revisions]
    return tuple(of_revision(item, revision) for item in known)


def visit(bench: WfmBench) -> Visit:
    """Visit a WFM with the bench open: what a client does, and with an operator's side what a deployment brings."""
    exchanges: dict[int, Exchange] = {}

    def heard(event: object) -> None:
        if isinstance(event, Exchange):
            exchanges[event.n] = event

    bench.recorder.listen(heard)
    left = list(_carried_out(bench))
    names = {item.name: item for item in bench.dialect.given}
    found: dict[str, Found] = {}
    for fact in bench.recorder.record().facts_of(DEPARTED):
        name = str(fact.data["name"])
        refused = exchanges.get(next(iter(fact.refs.get("instead-of", ())), -1))
        found.setdefault(name, Found(names[name], exchanges.get(fact.ref("exchange") or -1), refused))
    return Visit(tuple(found[name] for name in names if name in found), tuple(dict.fromkeys(left)))


def proposed(found: Iterable[Found], role: str, revision: str) -> tuple[str, ...]:
    """Give the fewest names that stand for what was found: a set where all that it has was found, and single ones."""
    wanted = [item.accommodation.name for item in found]
    fitting = [
        item
        for item in shipped().sets
        if item.role == role and revision in item.revisions and set(item.members) <= set(wanted)
    ]
    best = max(fitting, key=lambda item: len(item.members), default=None)
    return _named(best, wanted)


def _named(best: AccommodationSet | None, wanted: list[str]) -> tuple[str, ...]:
    if best is None:
        return tuple(wanted)
    return (best.name, *(name for name in wanted if name not in best.members))


def _carried_out(bench: WfmBench) -> Iterator[str]:
    steps: list[tuple[str, Callable[[], object]]] = [
        ("the first contact", bench.open),
        ("a device", lambda: bench.report("A", bench.known_device("A"))),
        ("the manifest", partial(bench.ask, "A")),
        ("a request without Accept", partial(bench.poll, "A", headers=())),
        ("a form that it does not have", partial(bench.poll, "A", headers=(("Accept", "text/html"),))),
        ("the root certificate", partial(_signed, bench, partial(wfm_signing.root_certificate, bench))),
        ("a wrong signature", partial(_signed, bench, lambda: wfm_signing.wrong_signature(bench, "A", "x-1", FLAW))),
        ("a client that never was", partial(_signed, bench, lambda: wfm_signing.unknown_client(bench, "A", "x-1"))),
        ("a deployment", partial(_deployed, bench)),
    ]
    for what, work in steps:
        try:
            work()
        except Blocked:
            continue  # the revision has no such thing, or nobody to deploy
        except (NotSeen, NorthboundError) as error:
            yield f"{what}: {error}"
            if what in ("the first contact", "a device"):
                return


def _signed(bench: WfmBench, work: Callable[[], object]) -> None:
    wfm_signing.binding(bench)
    work()


def _deployed(bench: WfmBench) -> None:
    """Deploy, fetch everything, ask for what is held, report twice, and withdraw."""
    bench.subject.operator()
    deployed = bench.deploy("A", "primary")
    try:
        bench.fetch_everything("A", bench.client("A").last)
        bench.poll("A", bench.client("A").last.etag)
        bench.post_status("A", deployed, "installing")
        bench.post_status("A", deployed, "installed")
    finally:
        bench.withdraw("A", "primary")
