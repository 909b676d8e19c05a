"""A run: the scenarios of one or both roles carried through their benches into one event file."""

import platform
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from types import ModuleType

import pytest

from conformance.bench.accommodations.model import Accommodation
from conformance.bench.accommodations.telling import Departures, record_departures
from conformance.bench.bench import Bench
from conformance.bench.clock import ClockKind
from conformance.bench.comparing import Comparison, record_claims
from conformance.bench.coverage import behaviour_entries, entries, interpretation_entries
from conformance.bench.errors import UsageError
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.order import Cost
from conformance.bench.pausing import Earlier, Pause
from conformance.bench.plugin import Order, ScenarioPlugin
from conformance.bench.recorder import Listener, Recorder
from conformance.bench.scenarios import Selection, features_folder, scenarios
from conformance.bench.workers import Part, follow
from conformance.catalogue import DEFAULT_REVISION, Catalogue, load
from conformance.record import redact
from conformance.record.events import CatalogueEvent, Header, Role, Subject
from conformance.record.file import EVENT_FILE, EventWriter, read
from conformance.record.run import Run

BenchFactory = Callable[[Ics, Recorder, Catalogue, BackgroundLoop], Bench]
STEPS = "conformance.steps"
# named as text, since the steps stand above the bench
_SETTINGS = ("--import-mode=importlib", "--disable-plugin-autoload", "--capture=no", "--strict-config")
_WITHOUT = (
    "terminal",
    "cacheprovider",
    "faulthandler",
    "junitxml",
    "doctest",
    "unraisableexception",
    "threadexception",
)


@dataclass(frozen=True, slots=True)
class Seat:
    """A subject in its role: what its supplier says of it, and how the bench around it is made."""

    ics: Ics
    target: str
    """`simulated`, `simulated:<mutant>`, or where the real subject is."""
    make_bench: BenchFactory
    hooks: frozenset[str]
    clock: ClockKind = "wall"
    """`simulated` only where all of the subject lives in this process."""
    effort: Cost | None = None
    """What scenarios are put in order by; None for the order of the features."""
    given_up: Callable[[], str | None] = lambda: None
    """Why nothing more can be had of the subject, asked before each scenario; None while it can."""
    accommodations: tuple[Accommodation, ...] = ()
    """Known departures of the subject that are to be got past."""

    @property
    def role(self) -> Role:
        """The role under test."""
        return self.ics.role


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What to run, and where the record goes."""

    seats: tuple[Seat, ...]
    directory: Path
    revision: str = DEFAULT_REVISION
    selection: Selection = field(default_factory=Selection)
    listeners: tuple[Listener, ...] = ()
    workers: tuple[tuple[str, ...], ...] = ()
    """For each seat the command that carries out a part of its scenarios; none to carry out all of them here."""
    jobs: int = 1
    """How many workers serve each seat."""
    part: Part | None = None
    """The part that this process is the worker for."""
    pause: Pause | None = None
    """Where it is asked to end after the scenario under way; what is recorded is sealed as the pause says."""
    earlier: Earlier | None = None
    """The run that goes on with this one."""

    @property
    def epoch(self) -> float | None:
        """The reading of the monotonic clock that its times count from; None for now."""
        if self.earlier:
            return time.monotonic() - self.earlier.until
        return self.part.epoch if self.part else None


def check(plan: RunPlan) -> tuple[Selection, Header]:
    """Examine a plan before anything is written; gives its selection as the catalogue widens it, and its header.

    Raises UsageError: nothing selected, unknown names, an earlier run that cannot go on with it.
    """
    catalogue = load(plan.revision)
    known = [scenario for seat in plan.seats for scenario in scenarios(seat.role, plan.revision)]
    if not known:
        raise UsageError(f"no scenarios for revision {plan.revision}: it can be listed and explained, but not yet run")
    selection = plan.selection.checked(catalogue, known) if plan.selection else plan.selection
    header = header_of(plan, selection, catalogue)
    if plan.earlier:
        plan.earlier.check(header)
    return selection, header


def run(plan: RunPlan) -> Run:
    """Carry out a plan; the event file is written to its directory and read back for the verdict.

    Raises UsageError: a plan that `check` refuses, a directory that cannot be written.
    """
    catalogue = load(plan.revision)
    selection, header = check(plan)
    load_checks()  # the catalogue of the record tells which checks hold a statement, and which rest on a reading
    with _writer(plan.directory) as writer:
        compared = () if plan.part else tuple(Comparison.of(seat.ics, seat.target) for seat in plan.seats)
        departing = () if plan.part else tuple(Departures(seat.role, seat.accommodations) for seat in plan.seats)
        listeners = (*plan.listeners, *(item.heard for item in compared), *(item.heard for item in departing))
        recorder = Recorder(writer, listeners, plan.epoch)
        recorder.append(header)
        claims = {seat.role: seat.ics.claims(catalogue) for seat in plan.seats}
        statements, behaviours = entries(catalogue, claims), behaviour_entries(catalogue)
        readings = interpretation_entries(catalogue)
        recorder.append(CatalogueEvent(requirements=statements, behaviours=behaviours, interpretations=readings))
        if plan.workers:
            _run_workers(plan, recorder)
        else:
            if plan.earlier:
                plan.earlier.relay(recorder)
            try:
                _run_here(plan, catalogue, recorder, selection)
            except KeyboardInterrupt:
                if plan.pause is None or not plan.pause.sealed:
                    raise
        record_claims(compared, catalogue, recorder)
        record_departures(departing, recorder)
    return Run.of(read(plan.directory / EVENT_FILE))


def header_of(plan: RunPlan, selection: Selection, catalogue: Catalogue) -> Header:
    """Say what is run, with what, on what."""
    return Header(
        run=str(uuid.uuid4()),
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        suite=version("margo-conformance"),
        revision=plan.revision,
        subjects=tuple(_subject(seat, catalogue) for seat in plan.seats),
        planned={seat.role: len(scenarios(seat.role, plan.revision)) for seat in plan.seats},
        selection=str(selection) if selection else None,
        named=selection.keys,
        deadlines={
            f"{seat.role}.{name}": value for seat in plan.seats for name, value in seat.ics.deadlines.as_dict().items()
        },
        digests={
            "catalogue": catalogue.digest,
            "features": features_digest(seat.role for seat in plan.seats),
            **({"resumed": plan.earlier.digest} if plan.earlier else {}),
        },
        environment={
            "python": platform.python_version(),
            "platform": platform.platform(),
            "argv": redact.without_passwords(" ".join(sys.argv[1:])),
            "clock": ", ".join(f"{seat.role}: {seat.clock}" for seat in plan.seats),
            **_accommodated(plan),
            **(plan.earlier.environment if plan.earlier else {}),
        },
    )


def _accommodated(plan: RunPlan) -> dict[str, str]:
    names = [item.name for seat in plan.seats for item in seat.accommodations]
    return {"accommodate": ", ".join(names)} if names else {}


def _subject(seat: Seat, catalogue: Catalogue) -> Subject:
    names = seat.ics.subject
    return Subject(
        role=seat.role,
        name=f"{names.name}, broken: {mutant}" if (mutant := seat.target.partition("simulated:")[2]) else names.name,
        vendor=names.vendor,
        version=names.version,
        target=redact.without_passwords(seat.target),
        profile=seat.ics.profile,
        features=seat.ics.claims(catalogue),
        policies=dict(seat.ics.policies),
    )


def features_digest(roles: Iterable[Role]) -> str:
    """Give the digest over every feature file of some roles."""
    total = sha256()
    for path in sorted(path for role in roles for path in (features_folder() / role).rglob("*.feature")):
        total.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return f"sha256:{total.hexdigest()}"


def load_checks() -> None:
    """Import every module that declares checks or uses them, so that coverage can be told."""
    for role in ("device", "wfm"):
        _step_modules(role)


def _run_workers(plan: RunPlan, recorder: Recorder) -> None:
    commands, first = [], 1
    for seat, command in zip(plan.seats, plan.workers, strict=True):
        parts = [Part(index, plan.jobs, first, recorder.epoch) for index in range(plan.jobs)]
        commands += [[*command, "--part", str(part)] for part in parts]
        first += len(scenarios(seat.role, plan.revision))
    with tempfile.TemporaryDirectory(prefix="margo-workers-") as folder:
        follow(commands, Path(folder), recorder)


def _run_here(plan: RunPlan, catalogue: Catalogue, recorder: Recorder, selection: Selection) -> None:
    number = plan.part.first if plan.part else 1
    for seat in plan.seats:
        loop = BackgroundLoop(seat.clock)
        recorder.use(loop.clock)
        began, simulated = time.monotonic(), recorder.now()
        try:
            done = plan.earlier.done if plan.earlier else frozenset()
            order = Order(selection, number, plan.part, seat.effort, plan.pause, done, seat.given_up)
            number = _run_role(seat, catalogue, recorder, loop, order)
            if seat.clock == "simulated":
                recorder.note("clock", role=seat.role, **passed(time.monotonic() - began, recorder.now() - simulated))
        finally:
            loop.close()


def passed(real_s: float, simulated_s: float) -> dict[str, float]:
    """Say how much time passed on the wall and on the simulated clock, in seconds, and how much faster that is."""
    return {"real": round(real_s, 3), "simulated": round(simulated_s, 3), "factor": round(simulated_s / real_s, 2)}


def _run_role(seat: Seat, catalogue: Catalogue, recorder: Recorder, loop: BackgroundLoop, order: Order) -> int:
    plugin = ScenarioPlugin(
        seat.role,
        seat.ics,
        catalogue,
        recorder,
        lambda: seat.make_bench(seat.ics, recorder, catalogue, loop),
        seat.hooks,
        order,
    )
    recorder.listen(plugin.heard)
    steps = _step_modules(seat.role)
    folder = Path(str(import_module(STEPS).__path__[0]))
    without = [argument for name in _WITHOUT for argument in ("-p", f"no:{name}")]
    code = pytest.main(
        [
            str(folder / f"scenarios_{seat.role}.py"),
            "-c",
            str(folder / "pytest.ini"),
            f"--rootdir={folder}",
            *_SETTINGS,
            *without,
            "-p",
            "pytest_bdd.plugin",
        ],
        plugins=[plugin, *steps],
    )
    if plugin.missing:
        raise plugin.missing
    if plugin.broken or code in (pytest.ExitCode.INTERNAL_ERROR, pytest.ExitCode.USAGE_ERROR):
        raise RuntimeError(f"the {seat.role} suite could not be collected: {'; '.join(plugin.broken) or code}")
    if code == pytest.ExitCode.INTERRUPTED:
        raise KeyboardInterrupt
    return plugin.next_number


def _step_modules(role: str) -> list[ModuleType]:
    """Give the modules with the steps of a role: the common ones and its own, each found by its name."""
    folder = Path(str(import_module(STEPS).__path__[0]))
    names = sorted(
        path.stem for path in folder.glob("*.py") if path.stem == "common" or path.stem.startswith(f"{role}_")
    )
    return [import_module(f"{STEPS}.{name}") for name in names]


def _writer(directory: Path) -> EventWriter:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / EVENT_FILE).unlink(missing_ok=True)
        return EventWriter(directory / EVENT_FILE)
    except OSError as error:
        raise UsageError(f"{directory}: the report cannot be written there: {error.strerror}") from None
