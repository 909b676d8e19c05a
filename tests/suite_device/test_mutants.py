"""Every broken device is found out, by the requirement that it breaks."""

from pathlib import Path

import pytest

from conformance.bench.device_seat import simulated_seat
from conformance.bench.errors import UsageError
from conformance.bench.ics import Ics
from conformance.bench.selftest import Subject
from conformance.catalogue import load
from simulator.device.mutants import MUTANTS
from tests.suite_device.runs import suite, told

BROKEN = {"must": "fail", "should": "warning"}
"""What a check says of a broken statement, by its keyword."""


@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_mutant_is_caught(name: str, tmp_path: Path) -> None:
    mutant = MUTANTS[name]
    broken = mutant.breaks
    catalogue = load()
    behaviour = catalogue.behaviour(broken)
    wanted = Subject("device", name, broken).selection
    done = suite(tmp_path, mutant=name, needs=mutant.needs, selection=wanted)
    verdict = (done.behaviour_verdicts if behaviour else done.verdicts)("device")[broken]
    severity = catalogue.requirement(broken).severity if broken in catalogue else "must"
    assert verdict.value == BROKEN[severity], f"{name} breaks {broken}: {mutant.description}\n{told(done)}"


def test_unknown_mutant_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="no broken device 'perfect'"):
        simulated_seat(Ics.of_reference("device"), "perfect")
