"""`selftest`: the suite tried on the references and on every broken variant of them - the kill matrix."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import help_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from conformance.bench.selftest import Subject, Trial
    from conformance.bench.selftest_matrix import Defect, Matrix
    from conformance.record.events import Role

MATRIX_FILE = "kill-matrix.json"
PICTURE_FILE = "kill-matrix.md"
EXIT_CODES = "Exit codes: 0 all caught, no false alarm, every check of a MUST kills; 1 not so; 2 usage."


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "selftest",
        short_help="Try the suite on broken subjects: every one has to be caught.",
        help=help_of(
            "Try the suite on the reference and on broken variants of it, each with one named defect. A mutant is "
            "caught only by a check of the statement that it breaks; the reference has to raise no alarm, a device "
            "under policies of which every pair of values occurs together (not every combination), on the scenarios "
            "of failure and recovery, of whose outlines the rows take turns. Writes the kill matrix.",
            "selftest device",
            "selftest device --mutant accepts-equal-version",
            "selftest wfm --json --jobs 4",
            "selftest device --revision 1.0.0-rc.2-signed",
        ),
        epilog=EXIT_CODES,
    )(selftest)


def selftest(
    role: Annotated[str, typer.Argument(metavar="ROLE", help="device or wfm.")] = "device",
    mutant: Annotated[
        list[str] | None, typer.Option("--mutant", metavar="NAME", help="Only this mutant; may be repeated.")
    ] = None,
    revision: options.Revision = None,
    full: Annotated[
        bool,
        typer.Option(
            "--full", help="Every scenario for every subject, not only those that its defect or its policies concern."
        ),
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", metavar="N", min=1, help="Processes to try subjects in; default: processors."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder for the kill matrix.")] = None,
    as_json: options.AsJson = False,
) -> None:
    """Try everything, then tell."""
    import os

    from conformance.bench.run import load_checks
    from conformance.bench.selftest_matrix import markdown
    from conformance.cli.checking import check_folder
    from conformance.cli.console import plain, stderr, stdout
    from conformance.cli.roles import role_of
    from conformance.cli.running import runnable

    chosen = role_of(role)
    of = runnable(chosen, revision)
    if out:
        check_folder("--out", out)
    defects = _defects(chosen, mutant, of)
    subjects = [
        *([] if mutant else _references(chosen, full=full)),
        *(_subject(chosen, defect, full=full) for defect in defects),
    ]
    subjects = [replace(subject, revision=of) for subject in subjects]
    load_checks()
    matrix = _matrix(chosen, of, defects, subjects, jobs or os.cpu_count() or 1, partial=bool(mutant))
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / MATRIX_FILE).write_text(json.dumps(matrix.as_dict(), indent=2, ensure_ascii=False), encoding="utf-8")
        (out / PICTURE_FILE).write_text(markdown(matrix), encoding="utf-8")
    if as_json:
        plain(json.dumps(matrix.as_dict(), indent=2, ensure_ascii=False))
    _tell(matrix, stderr() if as_json else stdout(), partial=bool(mutant))
    raise typer.Exit(0 if _held(matrix, partial=bool(mutant)) else 1)


def _matrix(
    role: Role, revision: str, defects: list[Defect], subjects: list[Subject], jobs: int, *, partial: bool
) -> Matrix:
    """Try everything; and, while checks killed nothing, once more to the end what was left as soon as caught."""
    from conformance.bench.selftest_matrix import Matrix
    from conformance.catalogue import load

    began = time.monotonic()
    done = _tried(subjects, jobs)
    mutants = {trial.subject.mutant: trial for trial in done if trial.subject.mutant}
    references = [trial for trial in done if trial.subject.mutant is None]
    matrix = Matrix(role, load(revision), defects, mutants, references, time.monotonic() - began)
    while not partial and (again := matrix.unfinished):
        mutants |= {str(trial.subject.mutant): trial for trial in _tried(again, jobs)}
        matrix = replace(matrix, mutants=mutants, seconds=time.monotonic() - began)
    return matrix


def _tried(subjects: Sequence[Subject], jobs: int) -> list[Trial]:
    """Try subjects, and show how far it is."""
    from conformance.bench.selftest import trials

    done: list[Trial] = []
    with _progress(len(subjects)) as ended:
        for trial in trials(subjects, min(jobs, len(subjects))):
            done.append(trial)
            ended(trial)
    return done


def _held(matrix: Matrix, *, partial: bool) -> bool:
    """Of a few mutants only their own fate can be told."""
    return matrix.caught == len(matrix.defects) if partial else matrix.passed


def _defects(role: Role, names: Sequence[str] | None, revision: str) -> list[Defect]:
    from conformance.bench.selftest_matrix import Defect
    from conformance.cli.mutants import mutants
    from conformance.cli.roles import unknown

    known = {
        item.name: Defect(item.name, item.breaks, item.description, item.needs) for item in mutants(role, revision)
    }
    for name in names or ():
        if name not in known:
            raise unknown("mutant", name, known)
    return [defect for name, defect in known.items() if not names or name in names]


def _references(role: Role, *, full: bool) -> list[Subject]:
    """The reference as it is delivered; a device also as a gateway, and with other policies.

    With other policies it is taken through the scenarios of failure and recovery, which are what they decide about; the
    rows of an outline take turns from one combination to the next where no policy is judged.
    """
    from conformance.bench.selftest import Subject
    from conformance.bench.selftest_policies import all_pairs
    from conformance.cli.seats import GATEWAY
    from simulator.device.policies import policy_values

    if role == "wfm":
        return [Subject(role)]
    combinations = enumerate(all_pairs(policy_values()))
    others = (Subject(role, policies=row, turn=None if full else turn) for turn, row in combinations)
    return [Subject(role), Subject(role, profile=GATEWAY), *others]


def _subject(role: Role, defect: Defect, *, full: bool) -> Subject:
    from conformance.bench.selftest import Subject

    requirement = None if full else defect.requirement
    return Subject(role, defect.name, requirement, defect.needs or None, until_caught=not full)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[Trial], None]]:
    """Show how far it is and how long it still takes; in a log, one line for each subject."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from conformance.cli.console import is_live, stderr

    console = stderr()
    if not is_live(console):
        count = 0

        def line(trial: Trial) -> None:
            nonlocal count
            count += 1
            console.print(f"[{count}/{total}] {_words(trial)}", markup=False, soft_wrap=True)

        yield line
        return
    columns = (MofNCompleteColumn(), BarColumn(bar_width=24), TimeRemainingColumn(compact=True))
    with Progress(*columns, TextColumn("{task.description}", markup=False), console=console, transient=True) as bar:
        task = bar.add_task("starting", total=total)
        yield lambda trial: bar.update(task, advance=1, description=_words(trial))


def _words(trial: Trial) -> str:
    name = trial.subject.mutant or f"reference ({trial.subject.ics.profile})"
    return f"{name}: {trial.scenarios} scenarios, {len(trial.alarms)} alarms ({trial.seconds:.1f} s)"


def _tell(matrix: Matrix, console: Console, *, partial: bool) -> None:
    from rich.table import Table

    from conformance.bench.selftest_matrix import headline

    table = Table("requirement", "mutant", "caught by", box=None, pad_edge=False)
    for defect in sorted(matrix.defects, key=lambda item: (item.requirement, item.name)):
        by, trouble = matrix.by(defect), matrix.mutants[defect.name].trouble
        told = ", ".join(name.partition(".")[2] for name in by) or f"[bold red]not caught[/] {trouble or ''}"
        table.add_row(defect.requirement, defect.name, told)
    console.print(table)
    for trial, alarm in matrix.false_alarms:
        policies = ", ".join(f"{name}={value}" for name, value in trial.subject.policies.items())
        console.print(
            f"false alarm: {alarm.requirement} by {alarm.check} in {alarm.scenario!r} ({policies})", markup=False
        )
        console.print(f"    expected {alarm.expected}\n    found    {alarm.found}", markup=False)
    for trial in matrix.troubles:
        console.print(f"suite error on the reference: {trial.trouble}", markup=False)
    if not partial:
        for name in matrix.idle:
            console.print(f"kills nothing: {name}", markup=False)
    mark = "✔" if _held(matrix, partial=partial) else "✘"
    idle = "" if partial else f", {len(matrix.idle)} checks of a MUST kill nothing"
    console.print(f"{mark} {headline(matrix)}{idle} ({matrix.seconds:.0f} s)", markup=False)
