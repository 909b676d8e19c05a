"""Carrying out a run from the command line: checks before it, progress during it, reports and the verdict after it."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from conformance.bench.clock import ClockKind
from conformance.bench.errors import UsageError
from conformance.bench.ics import Ics, load_ics
from conformance.bench.pausing import Earlier
from conformance.bench.run import RunPlan, Seat, check, run
from conformance.bench.scenarios import RUNNABLE, Scenario, Selection, scenarios
from conformance.bench.workers import Part, usual_jobs
from conformance.catalogue import DEFAULT_REVISION, load
from conformance.cli.checking import check_folder
from conformance.cli.console import plain, stderr, stdout
from conformance.cli.interrupting import stop_as_by_ctrl_c
from conformance.cli.pausing import Interactive, earlier_of, give_back, put_aside, run_with_pauses
from conformance.cli.problems import INTERRUPTED, Misuse
from conformance.cli.progress import following
from conformance.cli.records import NOT_PASSED, event_file, read_run
from conformance.cli.rendering import clear, write_reports
from conformance.record.events import Role, ScenarioStarted
from conformance.record.file import EVENT_FILE
from conformance.record.run import Run
from reports.console import summary


@dataclass(frozen=True, slots=True)
class Filters:
    """What part of the suite is wanted, as it was typed."""

    requirements: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    failed: bool = False
    failed_of: Path | None = None
    """The record whose scenarios `failed` means, where it is not that of the last run."""

    @classmethod
    def of(
        cls,
        requirements: list[str] | None,
        tags: list[str] | None,
        texts: list[str] | None,
        *,
        failed: bool,
        failed_of: Path | None = None,
    ) -> "Filters":
        """Take the options as they were typed; ids are read in any case, tags with or without the `@`."""
        ids = tuple(name.strip().upper() for name in requirements or ())
        tags = [tag.removeprefix("@") for tag in tags or ()]
        return cls(ids, tuple(tags), tuple(texts or ()), failed or failed_of is not None, failed_of)


def statement(role: Role, ics: Path | None, revision: str | None) -> Ics:
    """Give the subject's statement: the user's, or that of the reference.

    Raises UsageError and UnknownName for what cannot be used, Misuse for a revision that cannot be run.
    """
    wanted = load(revision).revision if revision else None
    stated = load_ics(ics, role) if ics else Ics.of_reference(role, wanted or DEFAULT_REVISION)
    if wanted and wanted != stated.revision:
        cause = f"{ics}: revision: expected {wanted} as given with --revision, found {stated.revision}"
        raise Misuse("usage", cause, "leave --revision out, or change the statement")
    runnable(role, stated.revision)
    return stated


def runnable(role: Role, revision: str | None) -> str:
    """Give a revision that can be run. Raises UnknownName, and Misuse for one that cannot."""
    wanted = load(revision or DEFAULT_REVISION).revision
    if wanted not in RUNNABLE[role]:
        cause = f"revision {wanted} can be listed and explained, but not yet run"
        raise Misuse("revision", cause, f"revisions that can be run: {', '.join(RUNNABLE[role])}")
    return wanted


@dataclass(frozen=True, slots=True)
class Spread:
    """How a run is spread over processes: `commands` are what the workers are called with, one for each seat.

    Without `jobs` the usual number is taken. In a worker, `part` is its share.
    """

    commands: tuple[tuple[str, ...], ...] = ()
    jobs: int | None = None
    part: str | None = None


def worker_command(
    role: Role,
    target: str | None,
    ics: Path | None,
    apps: tuple[Path, ...],
    clock: ClockKind | None = None,
    revision: str = DEFAULT_REVISION,
    accommodate: Iterable[str] | None = None,
) -> tuple[str, ...]:
    """Give the command by which this program carries out a part of a role's scenarios on a simulated subject."""
    options = [argument for app in apps for argument in ("--app", str(app))]
    options += ["--target", target] if target else []
    options += ["--ics", str(ics)] if ics else []
    options += ["--clock", clock] if clock else []
    options += ["--revision", revision]
    options += [argument for name in accommodate or () for argument in ("--accommodate", name)]
    return (sys.executable, "-m", "conformance.cli.main", "run", role, *options)


def carry_out(
    seats: tuple[Seat, ...],
    out: Path,
    filters: Filters,
    *,
    as_json: bool,
    spread: Spread | None = None,
    interactive: Interactive | None = None,
) -> int:
    """Run, render, tell the verdict; gives the exit code. `interactive` is for subjects that people look after.

    Raises UsageError before anything is written, and Misuse with exit code 130 when interrupted.
    """
    revision = seats[0].ics.revision
    earlier = earlier_of(interactive.resume) if interactive and interactive.resume else None
    selection = _selection(seats, revision, filters, out, earlier)
    spread = spread or Spread()
    if spread.part:
        return run(RunPlan(seats, out, revision, part=Part.parse(spread.part))).conformity.exit_code
    check_folder("--out", out)
    if interactive:
        finished = _run_with_people(RunPlan(seats, out, revision, selection, earlier=earlier), interactive)
    else:
        clear(out)
        finished = _run(seats, out, revision, selection, spread)
    paths = {"events": out / EVENT_FILE, **write_reports(finished, out)}
    if as_json:
        plain(json.dumps(as_document(finished, paths), indent=2, ensure_ascii=False))
        stderr().print(summary(finished, paths.get("html")))
    else:
        stdout().print(summary(finished, paths.get("html")))
    return finished.conformity.exit_code


def as_document(finished: Run, paths: dict[str, Path]) -> dict[str, Any]:
    """Give the result of a run as it is printed for programs."""
    return {
        "verdict": finished.conformity.value,
        "exit_code": finished.conformity.exit_code,
        "run": finished.header.run,
        "revision": finished.header.revision,
        "selection": finished.header.selection,
        "roles": [
            {
                "role": item.role,
                "target": subject.target,
                "verdict": item.conformity.value,
                "headline": item.headline,
                "reasons": list(item.reasons),
                "coverage": {"applicable": item.mandatory, "exercised": item.exercised, "failed": item.failed},
                "scenarios": {outcome.value: count for outcome, count in item.scenarios.items()},
                "requirements": {name: verdict.value for name, verdict in item.requirements.items()},
            }
            for subject, item in zip(finished.header.subjects, finished.assessments, strict=True)
        ],
        "not_passed": [
            {
                "role": item.started.role,
                "scenario": item.started.title,
                "at": f"{item.started.uri}:{item.started.line}",
                "outcome": item.outcome.value,
                "reason": item.finished.reason,
            }
            for item in finished.scenarios
            if item.outcome in NOT_PASSED
        ],
        "paths": {name: str(path) for name, path in paths.items()},
    }


def _run_with_people(plan: RunPlan, interactive: Interactive) -> Run:
    """Run a subject that people look after; what cannot go on is refused while the earlier run is still in place."""
    check(plan)
    interactive.before(plan.selection)
    earlier = plan.earlier
    aside = put_aside(earlier, plan.directory) if earlier else None
    clear(plan.directory)
    try:
        return run_with_pauses(replace(plan, earlier=aside), _known(plan.seats, plan.revision))
    except UsageError:
        if aside and aside is not earlier:
            give_back(aside, plan.directory)
        raise


def _run(seats: tuple[Seat, ...], out: Path, revision: str, selection: Selection, spread: Spread) -> Run:
    known = _known(seats, revision)
    # the run checks the selection too; asked here first, a wrong one is refused while nothing is written yet
    wider = selection.checked(load(revision), known) if selection and known else selection
    total = sum(wider.takes(scenario) for scenario in known)
    stop_as_by_ctrl_c()
    try:
        with following(stderr(), total) as follower:
            return run(RunPlan(seats, out, revision, selection, (follower.heard,), *_workers(seats, selection, spread)))
    except KeyboardInterrupt:
        cause = f"interrupted: the record {out / EVENT_FILE} is incomplete, and no verdict can be read from it"
        raise Misuse("interrupted", cause, "run again", INTERRUPTED) from None


def _workers(seats: tuple[Seat, ...], selection: Selection, spread: Spread) -> tuple[tuple[tuple[str, ...], ...], int]:
    """Give the commands of the workers and how many there are; none for a filtered run, which is short."""
    jobs = spread.jobs or usual_jobs(len(seats), waiting=any(seat.clock == "wall" for seat in seats))
    return (spread.commands, jobs) if spread.commands and jobs > 1 and not selection else ((), 1)


def _known(seats: Iterable[Seat], revision: str) -> list[Scenario]:
    return [scenario for seat in seats for scenario in scenarios(seat.role, revision)]


def _selection(
    seats: tuple[Seat, ...], revision: str, filters: Filters, out: Path, earlier: Earlier | None
) -> Selection:
    known = _known(seats, revision)
    keys: tuple[str, ...] = ()
    if filters.failed:
        keys = _named(earlier) if earlier else _not_passed(filters, out, seats, revision)
    selection = Selection(filters.requirements, filters.tags, filters.texts, keys)
    if known and selection:
        selection.checked(load(revision), known)
    return selection


def _named(earlier: Earlier) -> tuple[str, ...]:
    """Give the scenarios that a run which goes on was for. Raises Misuse when it was not for what failed before."""
    if not earlier.header.named:
        cause = f"--resume {earlier.path}: that run was not one of what failed before, so --failed says nothing of it"
        raise Misuse("other-run", cause, "leave --failed and --failed-of out to go on with it")
    return earlier.header.named


def _not_passed(filters: Filters, out: Path, seats: tuple[Seat, ...], revision: str) -> tuple[str, ...]:
    """Name the scenarios that did not pass in an earlier run; found again by name, should lines have moved.

    Says which are no longer there. Raises Misuse when the record is of something else, or none are left.
    """
    option, place = ("--failed-of", filters.failed_of) if filters.failed_of else ("--failed", out / EVENT_FILE)
    file = event_file(place)
    last = read_run(file)
    _check_origin(f"{option}: {file}", last, seats, revision)
    roles = {seat.role for seat in seats}
    again = {_name(scenario): scenario.key for scenario in _known(seats, revision)}
    failed = [item for item in last.scenarios if item.outcome in NOT_PASSED and item.started.role in roles]
    gone = [item.started for item in failed if _name(item.started) not in again]
    if not failed or len(gone) == len(failed):
        cause = (
            f"{len(failed)} scenarios did not pass, and none of them is in the suite any more"
            if failed
            else ("every scenario that was carried out passed")
        )
        hint = f"run without {option} for a verdict over the whole suite"
        raise Misuse("nothing-to-run", f"{option}: {file}: {cause}", hint)
    for started in gone:
        words = f"{option}: {started.uri}: {started.title!r} did not pass, and is not in the suite any more"
        stderr().print(words, markup=False, soft_wrap=True)
    return tuple(again[name] for name in (_name(item.started) for item in failed) if name in again)


def _name(scenario: Scenario | ScenarioStarted) -> tuple[object, ...]:
    return (scenario.role, scenario.uri, scenario.name, tuple(sorted(scenario.example.items())))


def _check_origin(named: str, last: Run, seats: tuple[Seat, ...], revision: str) -> None:
    """Refuse the record of another role or revision, whose scenarios are not those of this run. Raises Misuse."""
    roles = ", ".join(subject.role for subject in last.header.subjects)
    here = ", ".join(seat.role for seat in seats)
    if not {seat.role for seat in seats} & {subject.role for subject in last.header.subjects}:
        raise Misuse("other-run", f"{named}: role: expected {here}, found {roles}", "name the record of such a run")
    if last.header.revision != revision:
        cause = f"{named}: revision: expected {revision}, found {last.header.revision}"
        raise Misuse("other-run", cause, "name the record of a run of that revision")
