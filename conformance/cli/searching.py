"""Searching and replaying from the command line: the seats, the progress, and what is told of a finding."""

import json
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis.configuration import set_hypothesis_home_dir

from conformance.bench.run import Seat
from conformance.cli.checking import check_folder
from conformance.cli.console import plain, stderr
from conformance.cli.mutants import mutants
from conformance.cli.problems import Misuse
from conformance.cli.running import statement
from conformance.cli.seats import fitting, mutant_of, simulated
from conformance.record.events import Role
from conformance.search.gherkin import scenario
from conformance.search.hunt import Hunted, Limits
from conformance.search.replays import Replay, read, save
from conformance.search.searching import carry_out_again, replay_of, search, shows_again

FOUND = 1
INCOMPLETE = 4
TELL_EVERY_S = 10.0
INFORMS = "a search informs; it never decides conformity"


@dataclass(frozen=True, slots=True)
class Wish:
    """What was typed about the search itself."""

    limits: Limits
    folder: Path
    as_json: bool

    @classmethod
    def of(cls, seed: int | None, examples: int, budget_s: float, folder: Path, *, as_json: bool) -> "Wish":
        """Take the options; a seed is chosen when none was given. Raises UsageError for the folder."""
        check_folder("--save", folder)
        return cls(Limits(secrets.randbelow(10**6) if seed is None else seed, examples, budget_s), folder, as_json)


# --- seats -----------------------------------------------------------------------------------------------------------


def one_of(*given: tuple[str, object]) -> None:
    """Refuse more than one way to name the subject. Raises Misuse."""
    names = [name for name, value in given if value is not None]
    if len(names) > 1:
        raise Misuse("usage", f"{' and '.join(names)}: only one of them can be the subject", "leave the others out")


def simulated_subject(role: Role, target: str | None, ics: Path | None, packages: tuple[Path, ...]) -> Seat:
    """Seat the built-in subject of a role, or a broken variant. Raises Misuse for an unknown one."""
    mutant = mutant_of(target, role)
    said = statement(role, ics, None)
    return simulated(said if ics else fitting(said, mutant), mutant, packages)


def device_at(
    listen: str, identity: Path, hooks: Path | None, ics: Path | None, packages: tuple[Path, ...], wait_s: float
) -> Seat:
    """Seat a real device. Raises Misuse, UsageError."""
    from conformance.bench.device_external import Arrangement  # noqa: PLC0415 - only a real device needs them
    from conformance.bench.device_seat import external_seat  # noqa: PLC0415
    from conformance.bench.hooks.person import whoever_is_there  # noqa: PLC0415
    from conformance.cli.real_device import hooks_of, listening_at  # noqa: PLC0415

    said = statement("device", ics, None)
    said = said if ics else said.model_copy(update={"policies": {}})
    check_folder("--identity", identity)
    place = listening_at(listen, None)
    arrangement = Arrangement(
        place, identity, hooks_of(said, hooks), reuse=False, revision=said.revision, person=whoever_is_there()
    )
    return external_seat(said, arrangement, packages, wait_s)


def wfm_at(
    url: str, identity: Path | None, northbound: str | None, ics: Path | None, packages: tuple[Path, ...]
) -> Seat:
    """Seat a real WFM. Raises Misuse, UsageError."""
    from conformance.cli.seat_wfm import RealWfm, seat_of_real  # noqa: PLC0415 - only a real WFM needs them

    if identity is None:
        hint = "`margo-conformance serve wfm --identity DIR` makes such a folder, to copy from"
        raise Misuse("usage", "--url: needs --identity, the folder with the test authority the WFM trusts", hint)
    said = statement("wfm", ics, None)
    seat, _ = seat_of_real(said if ics else said.of_profile, RealWfm(url, identity, northbound, packages=packages))
    return seat


# --- searching -------------------------------------------------------------------------------------------------------


def search_one(seat: Seat, wish: Wish) -> int:
    """Search one subject and tell what was found; gives the exit code."""
    with _apart():
        hunted = search(seat, wish.limits, _Progress())
    path = _kept(seat, hunted, wish)
    if wish.as_json:
        plain(json.dumps(as_document(seat, hunted, wish, path), indent=2, ensure_ascii=False))
    else:
        _tell(seat, hunted, wish, path)
    return _code(hunted)


def search_mutants(role: Role, ics: Path | None, packages: tuple[Path, ...], wish: Wish) -> int:
    """Search every broken variant of a role, and tell which of them are found; 4 when nothing could be carried out."""
    lines = []
    with _apart():
        for mutant in mutants(role):
            seat = simulated_subject(role, f"simulated:{mutant.name}", ics, packages)
            hunted = search(seat, wish.limits)
            path = _kept(seat, hunted, wish)
            lines.append({"breaks": mutant.breaks, **as_document(seat, hunted, wish, path)})
            if not wish.as_json:
                plain(_line(mutant.name, hunted))
    found = sum(line["counterexample"] is not None for line in lines)
    if wish.as_json:
        summary = {"role": role, "seed": wish.limits.seed, "total": len(lines), "found": found, "mutants": lines}
        plain(json.dumps(summary, indent=2, ensure_ascii=False))
    else:
        plain(f"{found} of {len(lines)} broken variants found without their scenarios; {INFORMS}")
    return 0 if any(line["sequences"] > line["silent"] for line in lines) else INCOMPLETE


def as_document(seat: Seat, hunted: Hunted, wish: Wish, path: Path | None) -> dict[str, Any]:
    """Give the outcome of a search for programs."""
    catch = hunted.catch
    return {
        "role": seat.role,
        "subject": seat.target,
        "seed": wish.limits.seed,
        "sequences": hunted.examples,
        "actions": hunted.actions,
        "silent": hunted.silent,
        "seconds": round(hunted.duration_s, 2),
        "counterexample": None
        if catch is None
        else {
            "violated": catch.violation.model_dump(mode="json"),
            "first_seen_after": round(catch.after_s, 2),
            "first_length": catch.first_length,
            "minimal": catch.minimal,
            "actions": [action.model_dump(mode="json") for action in catch.actions],
            "scenario": scenario(seat.role, catch.actions, catch.violation),
            "replay": str(path),
        },
        "also_seen": [item.model_dump(mode="json") for item in hunted.others.values()],
        "note": INFORMS,
    }


def _code(hunted: Hunted) -> int:
    if hunted.catch is not None:
        return FOUND
    return 0 if hunted.told_something else INCOMPLETE


def _tell(seat: Seat, hunted: Hunted, wish: Wish, path: Path | None) -> None:
    took = f"seed {wish.limits.seed}: {hunted.examples} sequences, {hunted.actions} actions, {hunted.duration_s:.1f} s"
    if not hunted.told_something and hunted.catch is None:
        plain(f"{took}\nnothing could be carried out: {hunted.why_silent or 'the budget was spent at once'}")
        return
    if hunted.catch is None:
        plain(f"{took}\nno counterexample; that is no proof, and no verdict: {INFORMS}")
        return
    catch = hunted.catch
    plain(f"{took}\nsearch finding: {catch.violation.invariant}: broken")
    shrunk = f"{catch.first_length} actions when first seen after {catch.after_s:.1f} s, {len(catch.actions)} shrunk"
    plain(f"({shrunk}; {INFORMS})")
    if not catch.minimal:
        plain("it may not be the smallest: the budget ended before all of it was tried; a larger --budget goes on")
    plain("")
    plain(scenario(seat.role, catch.actions, catch.violation))
    for other in hunted.others.values():
        plain(f"seen on the way: {other.check}: expected {other.expected}, found {other.found}")
    plain(f"replay: margo-conformance run {seat.role} --replay {path}")


def _line(name: str, hunted: Hunted) -> str:
    if hunted.catch is None:
        return f"{name:34} not found in {hunted.duration_s:6.1f} s, {hunted.examples} sequences"
    catch = hunted.catch
    size = f"{len(catch.actions)} actions" + ("" if catch.minimal else " (not shrunk to the end)")
    return f"{name:34} found after  {catch.after_s:6.1f} s, {size}: {catch.violation.check}"


def _kept(seat: Seat, hunted: Hunted, wish: Wish) -> Path | None:
    """Save the counterexample; gives its path."""
    if hunted.catch is None:
        return None
    subject = seat.target.partition("simulated:")[2] or ("reference" if seat.target == "simulated" else "real")
    check = hunted.catch.violation.check.partition(".")[2].replace("_", "-")
    path = wish.folder / f"{seat.role}-{subject}-{check}-{wish.limits.seed}.yaml"
    save(replay_of(seat, hunted, wish.limits.seed), path)
    return path


class _Progress:
    """Tells now and then how far a search is."""

    def __init__(self) -> None:
        self._told = time.monotonic()

    def __call__(self, hunted: Hunted) -> None:
        """Tell, if there is something new after a while."""
        if time.monotonic() - self._told < TELL_EVERY_S:
            return
        self._told = time.monotonic()
        state = "shrinking" if hunted.catch else "searching"
        stderr().print(f"{state}: {hunted.examples} sequences, {hunted.actions} actions")


@contextmanager
def _apart() -> Iterator[None]:
    """Keep what Hypothesis writes for itself out of the user's folder."""
    with tempfile.TemporaryDirectory(prefix="margo-search-") as folder:
        set_hypothesis_home_dir(folder)
        try:
            yield
        finally:
            set_hypothesis_home_dir(None)


# --- replaying -------------------------------------------------------------------------------------------------------


def subject_of(path: Path, role: Role) -> str | None:
    """Give the simulated subject that a replay file is about. Raises UsageError; Misuse when it was a real one."""
    replay = read(path, role)
    if replay.subject.partition(":")[0] != "simulated":
        option = "--listen HOST:PORT" if role == "device" else "--url URL"
        cause = f"{path}: subject: it was found on a real {role}, {replay.subject}"
        raise Misuse("usage", cause, f"give the {role} with {option}, or a simulated one with --target")
    mutant_of(replay.subject, role)
    return replay.subject


def carry_out_replay(seat: Seat, path: Path, *, as_json: bool) -> int:
    """Carry out a replay file; 1 when its violation happens again, 0 when not, 4 when it could not be carried out."""
    replay = read(path, seat.role)
    missing = sorted({item.needs for item in replay.steps if item.needs and item.needs not in seat.hooks})
    if missing:
        return _told_blocked(seat, replay, f"needs {', '.join(missing)}, which the bench has no hook for", as_json)
    trial = carry_out_again(seat, replay)
    again = shows_again(trial, replay)
    if not again and (trial.ended or trial.carried < len(replay.steps)):
        others = ", ".join(item.check for item in trial.violations)
        why = trial.ended or f"another violation came first: {others}"
        return _told_blocked(seat, replay, why, as_json)
    if as_json:
        found = [item.model_dump(mode="json") for item in trial.violations]
        result = {"subject": seat.target, "again": again, "carried": trial.carried, "violations": found}
        plain(json.dumps({**result, "note": INFORMS}, indent=2, ensure_ascii=False))
        return FOUND if again else 0
    plain(scenario(replay.role, replay.steps, replay.violated))
    plain(f"{seat.target}: {'it happens again' if again else 'it does not happen'}; {INFORMS}")
    return FOUND if again else 0


def _told_blocked(seat: Seat, replay: Replay, why: str, as_json: bool) -> int:
    if as_json:
        plain(json.dumps({"subject": seat.target, "again": None, "why": why, "note": INFORMS}, indent=2))
    else:
        plain(f"{seat.target}: {len(replay.steps)} actions could not be carried out: {why}")
    return INCOMPLETE
