from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.fleet import model, reading
from simulator.fleet.description import Fleet
from simulator.fleet.live.mapping import LiveOptions, mapped, scaled
from simulator.fleet.live.schedule import Schedule, Warp, uniform


def fleet(*cohorts: dict[str, Any], **more: Any) -> Fleet:
    application = {
        "name": "app",
        "revisions": [{"name": "1.0.0"}, {"name": "2.0.0", "installs": 3, "fails": 0.5, "tries": 2, "wait": 5}],
    }
    listed = [{"name": f"c{number}", "application": "app", **cohort} for number, cohort in enumerate(cohorts)]
    return Fleet.model_validate({"cohorts": listed, "applications": [application], **more})


@given(st.lists(st.integers(1, 100_000), min_size=1, max_size=12), st.integers(1, 5000))
def test_a_part_of_a_fleet_has_each_cohort_by_its_share(counts: list[int], devices: int) -> None:
    whole = fleet(*({"count": count} for count in counts))
    part = scaled(whole, devices)
    assert part.devices == min(devices, whole.devices)
    if devices >= len(counts):
        assert len(part.cohorts) == len(counts), "every cohort has one device at least"
    ideal = {cohort.name: cohort.count * devices / whole.devices for cohort in whole.cohorts}
    for cohort in part.cohorts:
        assert cohort.count <= max(ideal[cohort.name], 1) + 1


def test_cohorts_keep_what_is_theirs() -> None:
    described = fleet(
        {"count": 30, "polling": {"period": "30s", "jitter": 0.4}, "retries": {"base": 3, "limit": 40, "jitter": 0.1}},
        {
            "count": 10,
            "polling": {"period": "5m", "start_spread": 20},
            "failures": {"reboots_per_day": 3, "drifts_per_day": 4, "boot": 7},
            "profile": {"vendor": "Acme", "model": "X1", "runtimes": ["compose"]},
            "sites": {"count": 3, "outages": [{"at": 10, "lasts": 5, "kind": "power"}]},
            "network": {"timeout": "9s"},
        },
        seed=5,
        duration="10m",
    )
    plan = mapped(described, LiveOptions()).plan
    first, second = plan.groups
    assert (plan.devices, plan.duration_s, plan.seed, plan.ramp) == (40, 600.0, 5, 30.0)
    assert (first.polling.period_s, first.polling.jitter) == (30.0, 0.2)
    assert (first.backoff.base_s, first.backoff.limit_s, first.backoff.jitter) == (3.0, 40.0, 0.1)
    assert (second.polling.period_s, second.starts_within_s, second.request_timeout_s) == (300.0, 20.0, 9.0)
    assert (second.reboots_per_day, second.drifts_per_day, second.boot_s) == (3.0, 4.0, 7.0)
    assert (second.profile.vendor, second.first_site, second.sites) == ("Acme", 1, 3)
    installing = first.revisions["app", "2.0.0"]
    assert (installing.takes_s, installing.fails, installing.tries, installing.wait_s) == (3.0, 0.5, 2, 5.0)
    assert [plan.cohort_of(device) for device in (0, 29, 30, 39)] == [0, 0, 1, 1]


def test_what_cannot_be_done_live_is_told_by_name() -> None:
    described = fleet(
        {"count": 99, "network": {"loss": 0.1, "bandwidth": 1000}, "sites": {"outages": [{"at": "2h", "lasts": 60}]}},
        {"count": 1},
        duration="24h",
        wfm={"servers": 4, "down": [{"at": 5, "lasts": 5}]},
        rollouts=[
            {"application": "app", "revision": "2.0.0", "waves": [{"at": 60, "share": 0.5}, {"at": 7200, "share": 0.5}]}
        ],
    )
    told = mapped(described, LiveOptions(devices=1, duration_s=3600.0)).left_out
    assert told == (
        "devices: 1 of 100, each cohort by its share; no device of c1",
        "cohort c0, network.loss, network.bandwidth: the network to the WFM is what it is",
        "cohort c0, 1 outage(s): begin after the run's 3,600 s",
        "wfm.servers, wfm.down: the WFM is the real one",
        "rollouts: nobody carries them out without --northbound; devices follow what the WFM offers",
    )
    operated = mapped(described, LiveOptions(duration_s=3600.0, operated=True)).left_out
    assert any("2.0.0, wave 2 begins at 7,200 s, after the run's 3,600 s" in line for line in operated)
    plain = fleet({"count": 5}, duration=60)
    assert mapped(plain, LiveOptions()).left_out == ()


@settings(deadline=None)  # the first call compiles
@given(st.integers(0, 2**63 - 1), st.integers(0, 20_000_000), st.integers(0, 13), st.integers(0, 10_000))
def test_random_numbers_are_those_of_the_simulation(seed: int, who: int, purpose: int, number: int) -> None:
    assert uniform(seed, who, purpose, number) == model.uniform(seed, who, purpose, number)


def test_devices_begin_when_simulated_ones_do() -> None:
    described = reading.read_example("million-day").model_copy(update={"seed": 3})
    plan = mapped(described, LiveOptions(devices=100)).plan
    for device in range(100):
        schedule = Schedule(plan, Warp(()), device)
        assert schedule.starts_at == pytest.approx(60.0 * float(model.uniform(3, device, 1, 0)))
        due = schedule.after(schedule.starts_at)
        assert due - schedule.starts_at == pytest.approx(54.0 + 12.0 * float(model.uniform(3, device, 2, 1)))
