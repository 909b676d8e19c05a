"""Runs of a few scenarios, on the stand-in or the reference, with accommodations or without."""

from collections.abc import Iterable
from pathlib import Path

from conformance.bench.accommodations.loading import accommodations
from conformance.bench.applications import applications
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, Seat, run
from conformance.bench.scenarios import Selection, scenarios
from conformance.bench.wfm_seat import accommodating, signed_seat
from conformance.record.events import Role
from conformance.record.run import Run
from simulator.wfm.signed_server import SignedWfm
from tests.accommodations import era_a

REVISION = "1.0.0-rc.2-signed"
SAMPLE = (
    "Every client is given an id of its own",
    "The root certificate is given to everybody",
    "A device is taken in once and updated from then on",
    "A client that has the newest manifest is told so",
    "Content is kept for good, manifests are not",
    "A client's signature is no good on the routes of another",
    "A client that never was is not known",
    "A removed deployment is reported to its end",
    "A client that accepts <forms> is given its manifest: anything",
    "A client that accepts <forms> only is told that this cannot be given: pictures",
)
"""Scenarios that between them meet every departure of era A."""


def seat_of(subject: str) -> Seat:
    build = era_a.build if subject == "era-a" else SignedWfm
    return signed_seat(Ics.of_reference("wfm", REVISION), subject, applications(()), build)


def sample(subject: str, given: Iterable[str], folder: Path, names: Iterable[str] = SAMPLE) -> Run:
    seat = accommodating(seat_of(subject), accommodations(given, "wfm", REVISION))
    return run(RunPlan((seat,), folder, REVISION, Selection(keys=keys("wfm", names))))


def keys(role: Role, names: Iterable[str]) -> tuple[str, ...]:
    """Name scenarios: those without rows, and of others the row that is named."""
    known = {": ".join((item.name, *item.example.values())): item.key for item in scenarios(role, REVISION)}
    return tuple(known[name] for name in names)
