"""The suite tried on broken subjects: what is caught, what is blamed wrongly, and what the verb makes of it."""

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.bench.run import load_checks
from conformance.bench.selftest import Alarm, Subject, Trial, tried
from conformance.bench.selftest_matrix import Defect, Matrix, markdown
from conformance.bench.selftest_policies import all_pairs
from conformance.catalogue import load
from conformance.checks.registry import checks
from conformance.cli.mutants import mutants
from conformance.cli.selftest import MATRIX_FILE, PICTURE_FILE
from conformance.record.events import Outcome, Role
from simulator.device.policies import policy_values
from tests.cli.commands import call

load_checks()
CATALOGUE = load()
DEFECT = Defect("accepts-equal-version", "DS-069", "adopts a manifest of the version it has")
NAMES = st.text("abcd", min_size=1, max_size=3)
VALUES = st.lists(st.integers().map(str), min_size=1, max_size=4, unique=True)
CHECK = "device.older_or_equal_state_is_refused"


def trial(*alarms: Alarm, mutant: str | None = DEFECT.name, trouble: str | None = None) -> Trial:
    return Trial(Subject("device", mutant), alarms, {"passed": 1}, 0.1, trouble)


def alarm(requirement: str = "DS-069", check: str = CHECK, outcome: Outcome = Outcome.FAIL) -> Alarm:
    return Alarm(requirement, check, outcome, "One", "this", "that")


def matrix(*of_mutant: Alarm, references: tuple[Trial, ...] = (), requirement: str = "DS-069") -> Matrix:
    defect = replace(DEFECT, requirement=requirement)
    return Matrix("device", CATALOGUE, (defect,), {DEFECT.name: trial(*of_mutant)}, references, 1.0)


@pytest.mark.parametrize(
    ("found", "by"),
    [
        ((alarm(),), (CHECK,)),
        ((), ()),
        ((alarm("DS-031"),), ()),
        ((alarm(outcome=Outcome.WARNING),), ()),
    ],
    ids=["caught", "nothing", "another statement", "only a warning"],
)
def test_caught_is_only_who_is_blamed_for_what_it_breaks(found: tuple[Alarm, ...], by: tuple[str, ...]) -> None:
    assert matrix(*found).by(DEFECT) == by


def test_a_should_is_broken_by_a_warning() -> None:
    should = next(item.id for item in CATALOGUE.for_role("device") if item.severity == "should")
    broken = matrix(alarm(should, outcome=Outcome.WARNING), requirement=should)
    assert broken.by(broken.defects[0]) == (CHECK,)


def test_a_check_that_kills_nothing_is_named() -> None:
    assert CHECK in matrix().idle
    assert CHECK not in matrix(alarm()).idle
    assert matrix(alarm()).kills[CHECK] == (DEFECT.name,)
    assert CHECK in markdown(matrix())


def left_once_caught(*of_mutant: Alarm) -> Matrix:
    subject = Subject("device", DEFECT.name, DEFECT.requirement, until_caught=True)
    return replace(matrix(), mutants={DEFECT.name: replace(trial(*of_mutant), subject=subject)})


def test_what_was_left_once_caught_is_tried_again_for_a_check_that_killed_nothing() -> None:
    assert matrix().unfinished == (), "it was tried to the end"
    (again,) = left_once_caught().unfinished
    assert (again.mutant, again.until_caught) == (DEFECT.name, False)
    of_its_statement = [alarm(check=name) for name in left_once_caught().idle if of(name)]
    assert of_its_statement
    assert left_once_caught(*of_its_statement).unfinished == (), "all checks of what it breaks have killed it"


def of(check: str) -> bool:
    return DEFECT.requirement in checks("device")[check].requirements


def test_a_mutant_is_left_once_caught() -> None:
    subject = Subject("wfm", "cross-tenant", "SEC-007", until_caught=True)
    done = tried(subject)
    assert {item.outcome for item in done.alarms if item.requirement == "SEC-007"} == {Outcome.FAIL}
    assert 0 < done.scenarios < len(subject.selection.keys)


@pytest.mark.parametrize(
    "reference",
    [trial(alarm(), mutant=None), trial(mutant=None, trouble="RuntimeError: x")],
    ids=["false alarm", "suite error"],
)
def test_a_reference_that_is_blamed_spoils_the_verdict(reference: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Matrix, "idle", ())
    assert matrix(alarm(), references=(trial(mutant=None),)).passed
    assert not matrix(alarm(), references=(reference,)).passed
    assert not matrix(references=(trial(mutant=None),)).passed, "nothing was caught"


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=6))
def test_every_pair_of_values_occurs(values: Mapping[str, list[str]]) -> None:
    rows = all_pairs(values)
    assert rows[0] == {name: known[0] for name, known in values.items()}
    for one, other in combinations(values, 2):
        assert {(row[one], row[other]) for row in rows} == {(a, b) for a in values[one] for b in values[other]}


def test_pairs_of_policies_take_far_fewer_runs_than_combinations() -> None:
    assert len(all_pairs(policy_values())) < 25


@pytest.mark.parametrize("role", ["device", "wfm"])
def test_mutants_name_what_they_break(role: Role) -> None:
    known = mutants(role)
    assert len({item.name for item in known}) == len(known)
    judged = {name for check in checks(role).values() for name in check.requirements}
    for item in known:
        assert item.description
        assert item.breaks in judged or item.breaks not in CATALOGUE, f"{item.name}: no check judges {item.breaks}"


def test_an_unknown_mutant_is_told_and_hides_no_other_trial() -> None:
    assert "no broken device 'perfect'" in (tried(Subject("device", "perfect", "DS-069")).trouble or "")


def test_verb_writes_the_matrix(tmp_path: Path) -> None:
    done = call("selftest", "device", "--mutant", DEFECT.name, "--jobs", "1", "--json", "--out", str(tmp_path))
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["total"], told["caught"], told["false_alarms"]) == (1, 1, 0)
    assert told["mutants"][0]["by"] == [CHECK]
    assert json.loads((tmp_path / MATRIX_FILE).read_text(encoding="utf-8")) == told
    assert DEFECT.name in (tmp_path / PICTURE_FILE).read_text(encoding="utf-8")


def test_verb_knows_its_mutants() -> None:
    done = call("selftest", "device", "--mutant", "accepts-equal-versions")
    assert done.code == 2
    assert "accepts-equal-version" in done.err
