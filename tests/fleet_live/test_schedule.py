from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.fleet.live.plan import Connections, LivePlan, Phases, PlanInvalid, Polling, RebootStorm, Spike
from simulator.fleet.live.schedule import Schedule, Warp, takes, uniform

SPIKES = (Spike(10.0, 5.0, 4.0), Spike(20.0, 2.0, 0.5))


def polls(plan: LivePlan, device: int, count: int) -> list[float]:
    schedule = Schedule(plan, Warp(plan.spikes), device)
    times = [schedule.starts_at]
    for _ in range(count):
        times.append(schedule.after(times[-1]))
    return times


@given(st.integers(0, 2**64 - 1), st.integers(1, 500), st.integers(0, 499), st.floats(0.0, 0.95))
def test_devices_start_within_the_ramp_and_poll_within_the_jitter(
    seed: int, devices: int, device: int, jitter: float
) -> None:
    device %= devices
    plan = LivePlan(devices, 600, Polling(10.0, jitter), ramp_s=30.0, seed=seed)
    times = polls(plan, device, 20)
    assert 0.0 <= times[0] < 30.0
    for before, after in pairwise(times):
        assert 10.0 * (1 - jitter) - 1e-9 <= after - before <= 10.0 * (1 + jitter) + 1e-9
    assert times == polls(plan, device, 20)


def test_intervals_differ_between_devices_and_polls_unless_there_is_no_jitter() -> None:
    plan = LivePlan(50, 600, Polling(10.0, 0.1), ramp_s=0.0)
    gaps = {round(after - before, 9) for device in range(50) for before, after in pairwise(polls(plan, device, 10))}
    assert len(gaps) == 500
    assert polls(LivePlan(50, 600, Polling(10.0, 0.0), ramp_s=0.0), 7, 3) == [0.0, 10.0, 20.0, 30.0]


@given(st.floats(0.0, 1000.0))
def test_bent_time_leads_back_and_never_runs_backwards(real: float) -> None:
    warp = Warp(SPIKES)
    assert warp.real(warp.own(real)) == pytest.approx(real)
    assert warp.own(real) < warp.own(real + 0.001)


def test_a_spike_multiplies_the_polls_and_nothing_else() -> None:
    plan = LivePlan(1, 600, Polling(0.1, 0.0), ramp_s=0.0, spikes=SPIKES)
    times = polls(plan, 0, 500)

    def rate(begin: float, end: float) -> float:
        return sum(begin <= time < end for time in times) / (end - begin)

    assert rate(0.0, 10.0) == pytest.approx(10.0, rel=0.02)
    assert rate(10.0, 15.0) == pytest.approx(40.0, rel=0.02)
    assert rate(15.0, 20.0) == pytest.approx(10.0, rel=0.03)
    assert rate(20.0, 22.0) == pytest.approx(5.0, rel=0.15)


def test_a_storm_takes_its_share_of_the_devices_and_gives_them_back_in_time() -> None:
    storms = (RebootStorm(5.0, 0.3, off_s=2.0, spread_s=4.0), RebootStorm(6.0, 1.0))
    plan = LivePlan(2000, 60, ramp_s=0.0, storms=storms)
    reboots = [Schedule(plan, Warp(()), device).reboots for device in range(2000)]
    first = [own[0] for own in reboots if own[0].off_at == 5.0]
    assert 500 < len(first) < 700
    assert all(7.0 <= reboot.on_at <= 11.0 for reboot in first)
    assert all(len(own) == 1 for own in reboots), "a device that is off does not go off again"
    assert sum(takes(plan, 0, device) for device in range(2000)) == len(first)
    assert sum(takes(plan, 1, device) for device in range(2000)) == 2000 - len(first)


def test_a_storm_does_not_take_a_device_that_is_not_on_yet() -> None:
    plan = LivePlan(100, 60, ramp_s=10.0, storms=(RebootStorm(5.0, 1.0),))
    on = [Schedule(plan, Warp(()), device).starts_at < 5.0 for device in range(100)]
    assert 0 < sum(on) < 100
    assert [takes(plan, 0, device) for device in range(100)] == on


def test_random_numbers_depend_on_every_part_of_their_key() -> None:
    keys = [(1, 1, 1, 1), (2, 1, 1, 1), (1, 2, 1, 1), (1, 1, 2, 1), (1, 1, 1, 2)]
    assert len({uniform(*key) for key in keys}) == len(keys)
    numbers = [uniform(1, device, 0) for device in range(10_000)]
    assert 0.49 < sum(numbers) / len(numbers) < 0.51
    assert min(numbers) >= 0.0
    assert max(numbers) < 1.0


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("devices", {"devices": 0}),
        ("duration_s", {"duration_s": float("nan")}),
        ("processes", {"processes": 0}),
        ("ramp_s", {"ramp_s": -1.0}),
        ("name_prefix", {"name_prefix": "a/b"}),
        ("install_s", {"install_s": (2.0, 1.0)}),
        ("spikes", {"spikes": (Spike(1, 5, 2), Spike(3, 1, 2))}),
    ],
)
def test_a_plan_that_cannot_be_is_refused_by_field(field: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(PlanInvalid, match=r"expected .*, found") as refused:
        LivePlan(**{"devices": 1, "duration_s": 1.0, **wrong})
    assert refused.value.field == field


def test_parts_of_a_plan_are_checked_too() -> None:
    with pytest.raises(PlanInvalid, match=r"polling\.jitter: expected 0\.\.0\.95, found 1\.5"):
        Polling(60.0, 1.5)
    with pytest.raises(PlanInvalid, match="source_ips"):
        Connections(source_ips=("here",))
    with pytest.raises(PlanInvalid, match="limit"):
        Connections(limit=0)


def test_the_connection_limit_is_shared_out_exactly() -> None:
    plan = LivePlan(100, 1.0, connections=Connections(limit=10), processes=4)
    assert sum(plan.limit_of(shard) or 0 for shard in range(plan.shards)) == 10


def test_a_spike_is_told_from_the_return_after_an_outage_and_an_outage_from_a_spike() -> None:
    storm = RebootStorm(10.0, 0.5, off_s=5.0, spread_s=5.0)
    plan = LivePlan(
        10, 120, ramp_s=1.0, settle_s=0.0, storms=(storm,), spikes=(Spike(12.0, 2.0, 3.0), Spike(30.0, 5.0, 3.0))
    )
    phases = Phases(plan)
    times = {0.5: "ramp-up", 5: "steady", 13: "storm", 19: "storm", 25: "storm", 31: "spike", 40: "storm", 55: "steady"}
    assert {time: phases.at(time) for time in times} == times
