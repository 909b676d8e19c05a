"""A WFM that gets more than it can do: devices give up in time, and what it does for those that are gone is lost."""

from typing import Any

import numpy as np
import pytest

from simulator.fleet import compiled, model
from simulator.fleet.description import Fleet
from simulator.fleet.plan import World, plan_of

TIMEOUT_S, HOUR_S = 20, 3600
ANSWERED = range(model.REFUSED)


def overloaded(queue_limit: int, trace: int = 0) -> World:
    """Three hundred devices poll every minute a WFM that can do sixty requests a minute."""
    fleet: dict[str, Any] = {
        "duration": HOUR_S,
        "cohorts": [{"name": "a", "count": 300, "application": "app", "network": {"timeout": TIMEOUT_S}}],
        "applications": [{"name": "app", "revisions": [{"name": "1"}]}],
        "wfm": {"servers": 1, "queue_limit": queue_limit, "service": {"unchanged": 1.0, "capabilities": 1.0}},
    }
    world = plan_of(Fleet.model_validate(fleet), trace=trace)
    compiled.simulate(world)
    return world


def answered(world: World) -> int:
    return int(world.rates[list(ANSWERED)].sum())


def test_a_queue_within_the_devices_patience_lets_the_wfm_do_all_it_can() -> None:
    world = overloaded(TIMEOUT_S - 2)
    assert answered(world) > 0.95 * HOUR_S
    assert world.rates[model.LOST].sum() == 0 < world.rates[model.REFUSED].sum()


def test_a_longer_queue_never_recovers() -> None:
    world = overloaded(10_000)
    assert answered(world) < 0.05 * HOUR_S
    assert world.rates[model.LOST].sum() > HOUR_S


@pytest.mark.parametrize("queue_limit", [TIMEOUT_S, 10_000])
def test_no_answer_is_taken_after_the_device_gave_up(queue_limit: int) -> None:
    world = overloaded(queue_limit, trace=100_000)
    lines = world.trace[: world.marks[0]]
    of = np.isin(lines[:, 3], ANSWERED)
    assert ((lines[of, 4] - lines[of, 2]) <= TIMEOUT_S * 1_000_000).all()
    late = (lines[:, 3] == model.LOST) & (lines[:, 4] > 0)
    assert late.any()
