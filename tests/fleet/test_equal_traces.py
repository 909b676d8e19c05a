"""Both engines tell the same, to the microsecond: the one drives the real agent, the other has a model of it.

Compared are every request with its times and outcome, every status report, every adoption, what each device waits for
at the end and since when, and all counts.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.fleet import compiled, model, simpy_device, simpy_engine
from simulator.fleet.description import Fleet
from simulator.fleet.plan import World, plan_of

ROOM = 2_000_000
FAILING = {"name": "2", "fails": 0.3, "bytes": 30_000}
BASE: dict[str, Any] = {
    "duration": 1500,
    "cohorts": [{"name": "a", "count": 20, "application": "app"}],
    "applications": [{"name": "app", "revisions": [{"name": "1"}, FAILING, {"name": "3"}]}],
    "rollouts": [
        {"application": "app", "revision": "2", "waves": [{"at": 300, "share": 0.3}, {"at": 500, "share": 0.7}]},
        {"application": "app", "revision": "3", "waves": [{"at": 900}]},
    ],
}


def cohort(**changes: Any) -> dict[str, Any]:
    return {"cohorts": [{**BASE["cohorts"][0], **changes}]}


def in_order(world: World) -> Any:
    lines = world.trace[: world.marks[0]]
    return lines[np.lexsort(lines.T[[4, 1, 3, 2, 0]])]


def both(fleet: Fleet) -> World:
    fast, slow = plan_of(fleet, trace=ROOM), plan_of(fleet, trace=ROOM)
    models, devices = compiled.simulate(fast, keep=True), simpy_engine.simulate(fleet, slow)
    assert fast.marks[0] < ROOM
    assert np.array_equal(in_order(fast), in_order(slow))
    for name in ("rates", "adopted", "waiting", "tally", "results", "marks"):
        assert np.array_equal(getattr(fast, name), getattr(slow, name)), name
    for modelled, device in zip(models, devices, strict=True):
        assert tuple(modelled[list(simpy_device.STATE)].item()) == device.state
        due = {what: int(at) for what, at in enumerate([*modelled["due"], modelled["poll"]]) if at < model.NEVER}
        assert due == device.due
    return fast


HERD = cohort(
    count=60,
    sites={
        "count": 4,
        "outages": [{"at": 310, "lasts": 90, "kind": "power", "share": 0.5}, {"at": 800, "lasts": 150}],
    },
    failures={"reboots_per_day": 100, "drifts_per_day": 100},
    polling={"period": 20, "jitter": 0, "start_spread": 0},
)
HERD_THAT_GIVES_UP = cohort(**{**HERD["cohorts"][0], "network": {"timeout": 2}})
RARE = {
    **cohort(
        count=11,
        polling={"period": 1, "start_spread": 10},
        network={"rtt": {"exponential": 0.3}, "timeout": 2},
        retries={"jitter": 0.5},
        failures={"drifts_per_day": 1000},
    ),
    "wfm": {"servers": 2, "queue_limit": 3, "service": {"unchanged": 0.05, "status": {"lognormal": [0.05, 2]}}},
}
TINY = {
    "unchanged": {"lognormal": [0.0005, 0.002]},
    "manifest": {"exponential": 0.000_001},
    "bundle": {"lognormal": [0.000_001, 0.000_001]},
    "status": 0.0002,
}
NARROW = {"servers": 1, "queue_limit": 3, "retry_after": 2, "service": {"unchanged": 0.3, "manifest": 0.5}}


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({}, model.STATUS),
        ({**HERD, "wfm": NARROW}, model.REFUSED),
        ({**HERD, "wfm": NARROW}, model.UNREACHABLE),
        ({"wfm": {"down": [{"at": 600, "lasts": 200}]}}, model.UNREACHABLE),
        (cohort(network={"loss": 0.1, "rtt": {"lognormal": [0.05, 0.4]}, "bandwidth": 10_000}), model.LOST),
        ({"wfm": {"restored": [{"at": 1200, "backup": 200, "lasts": 200}]}}, model.OLDER),
        (cohort(polling={"period": 30, "hours": ["00:05-00:10", "00:18-00:20"], "boot_spread": 60}), model.CHANGED),
        ({"wfm": {"servers": 1, "queue_limit": 1, "refuses_with": 429, "service": {"capabilities": 5}}}, model.REFUSED),
        ({**HERD, "wfm": {"servers": 1, "queue_limit": 300, "service": {"status": 4}}}, model.STATUS),
        ({**HERD_THAT_GIVES_UP, "wfm": {"servers": 1, "queue_limit": 300, "service": {"unchanged": 0.4}}}, model.LOST),
        (cohort(network={"timeout": 0.05, "rtt": {"lognormal": [0.04, 0.4]}, "bandwidth": 9_000}), model.LOST),
        (cohort(network={"timeout": 0.05, "rtt": 0.06}), model.LOST),
        ({**RARE, "seed": 1224038958720274789}, model.LOST),
        ({**HERD, "wfm": {"servers": 1, "queue_limit": 3, "service": TINY}}, model.STATUS),
        ({**HERD_THAT_GIVES_UP, "wfm": {"servers": 2, "service": {"unchanged": 0.2, "manifest": 3}}}, model.LOST),
    ],
    ids=[
        "plain",
        "queue",
        "outages",
        "down",
        "loss",
        "restored",
        "hours",
        "announcements",
        "late reports",
        "overload",
        "late answers",
        "too far",
        "late reports at rest",
        "less than a millisecond",
        "slow manifests",
    ],
)
def test_the_engines_agree_where_something_happens(changes: dict[str, Any], seen: int) -> None:
    assert both(Fleet.model_validate({**BASE, **changes})).rates[seen].sum() > 0


def test_the_engines_agree_on_when_a_rollout_is_paused_and_rolled_back() -> None:
    rollout = {**BASE["rollouts"][0], "pause": {"failure_rate": 0.05, "minimum": 5}}
    world = both(Fleet.model_validate({**BASE, **cohort(count=60), "rollouts": [rollout]}))
    assert world.results[0][2] > 0
    assert world.rates[model.CHANGED].sum() > world.results[0][:2].sum()  # those that had it went back


def test_the_engines_agree_on_five_hundred_devices() -> None:
    fleet = {**BASE, **HERD, "duration": 420, "wfm": {**NARROW, "servers": 5, "queue_limit": 25}}
    fleet["cohorts"] = [{**HERD["cohorts"][0], "count": 500}]
    assert both(Fleet.model_validate(fleet)).rates[model.REFUSED].sum() > 0


def test_the_engines_agree_on_installations_that_time_out_or_are_given_up() -> None:
    slow = {"name": "2", "fails": 0.5, "installs": {"uniform": [10, 50]}, "timeout": 40}
    changes = {**cohort(count=30, installs={"tries": 2, "wait": 20}, failures={"drifts_per_day": 100})}
    revisions = [{"name": "1", "fails": 0.5}, slow, {"name": "3"}]
    world = both(Fleet.model_validate({**BASE, **changes, "applications": [{"name": "app", "revisions": revisions}]}))
    assert world.tally[0][model.GAVE_UP] > 0


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"network": {"loss": 0.05, "rtt": {"uniform": [0.01, 3]}}},
        {"network": {"timeout": 2.9, "rtt": {"uniform": [0.01, 3]}}},
        {"polling": {"period": 20, "jitter": 0, "hours": ["00:02-00:15"]}},
        {"failures": {"reboots_per_day": 200, "drifts_per_day": 100}},
    ],
    ids=["plain", "network", "timeout", "hours", "failures"],
)
def test_a_device_sleeps_through_quiet_times_as_if_it_had_been_called_for_every_poll(changes: dict[str, Any]) -> None:
    fleet = Fleet.model_validate({**BASE, **cohort(count=300, **changes)})
    whole, quick = plan_of(fleet, trace=ROOM), plan_of(fleet)
    devices = [compiled.simulate(world, keep=True) for world in (whole, quick)]
    assert np.array_equal(whole.rates, quick.rates)
    assert np.array_equal(whole.tally, quick.tally)
    names = ("at", "poll", "due", "requests", "draws", "adopted", "state")
    assert all(np.array_equal(devices[0][name], devices[1][name]) for name in names)


def test_threads_count_the_same() -> None:
    fleet = Fleet.model_validate({**BASE, **cohort(count=40_000)})
    one, three = plan_of(fleet), plan_of(fleet)
    compiled.simulate(one, keep=True)
    compiled.simulate(three, threads=3)
    assert np.array_equal(one.rates, three.rates)
    assert np.array_equal(one.adopted, three.adopted)


@pytest.mark.parametrize("polling", [{"period": 60}, {"period": 60, "jitter": 0, "start_spread": 0}])
def test_in_order_counts_the_same_as_device_by_device(polling: dict[str, Any]) -> None:
    fleet = Fleet.model_validate({**BASE, "duration": 600, **cohort(count=20_000, polling=polling)})
    alone, ordered = plan_of(fleet), plan_of(fleet)
    ordered.fixed["in_order"] = 1
    for world in (alone, ordered):
        compiled.simulate(world)
    for name in ("rates", "adopted", "tally", "results"):
        assert np.array_equal(getattr(alone, name), getattr(ordered, name)), name


chance = st.sampled_from([0.0, 0.05, 0.5])
times = st.one_of(
    st.floats(0.001, 5).map(lambda v: round(v, 4)),
    st.sampled_from([{"uniform": [0.01, 3]}, {"lognormal": [0.05, 2]}, {"exponential": 0.3}]),
    st.sampled_from([{"lognormal": [0.0005, 0.002]}, {"exponential": 0.000_001}]),
)
outages = st.lists(
    st.fixed_dictionaries(
        {
            "at": st.integers(0, 800),
            "lasts": st.integers(1, 300),
            "kind": st.sampled_from(["power", "network"]),
            "share": st.sampled_from([0.4, 1.0]),
        }
    ),
    max_size=2,
)
cohorts = st.fixed_dictionaries(
    {
        "count": st.integers(1, 16),
        "application": st.just("app"),
        "polling": st.fixed_dictionaries(
            {
                "period": st.integers(5, 60),
                "jitter": st.sampled_from([0, 0.2, 1.5]),
                "start_spread": st.integers(0, 60),
                "boot_spread": st.sampled_from([0, 30]),
                "hours": st.sampled_from([(), ("00:02-00:08",), ("00:20-00:03", "00:10-00:11")]),
            }
        ),
        "sites": st.fixed_dictionaries({"count": st.integers(1, 4), "outages": outages}),
        "network": st.fixed_dictionaries(
            {
                "rtt": times,
                "loss": chance,
                "bandwidth": st.sampled_from([None, 5000]),
                "timeout": st.sampled_from([0.05, 2, 30]),
            }
        ),
        "retries": st.fixed_dictionaries(
            {"base": st.integers(1, 20), "jitter": chance, "artefact": st.sampled_from([1, 5])}
        ),
        "installs": st.fixed_dictionaries({"tries": st.sampled_from([None, 1, 3]), "wait": st.sampled_from([5, 60])}),
        "failures": st.fixed_dictionaries(
            {"reboots_per_day": st.sampled_from([0, 200]), "drifts_per_day": st.sampled_from([0, 200])}
        ),
    }
)
wfms = st.fixed_dictionaries(
    {
        "servers": st.sampled_from([None, 1, 2, 5, 40]),
        "queue_limit": st.sampled_from([0, 3, 1000]),
        "retry_after": st.sampled_from([0, 30]),
        "service": st.fixed_dictionaries(
            {"unchanged": times, "manifest": times, "bundle": times, "status": times, "capabilities": times}
        ),
        "down": st.lists(st.fixed_dictionaries({"at": st.integers(0, 900), "lasts": st.integers(1, 60)}), max_size=1),
        "restored": st.sampled_from([[], [{"at": 600, "backup": 100, "lasts": 200}]]),
    }
)
gates = st.sampled_from([None, {"failure_rate": 0.1, "minimum": 3}, {"failure_rate": 0.2, "rollback": False}])


revisions = st.lists(
    st.fixed_dictionaries(
        {
            "fails": st.sampled_from([0, 0.3, 1.0]),
            "installs": st.sampled_from([1, {"lognormal": [8, 30]}, {"uniform": [1, 90]}]),
            "timeout": st.sampled_from([20, 300]),
            "bytes": st.sampled_from([0, 30_000]),
        }
    ),
    min_size=3,
    max_size=3,
)


@given(
    seed=st.integers(0, 2**63 - 1),
    some=st.lists(cohorts, min_size=1, max_size=3),
    made=revisions,
    wfm=wfms,
    gate=gates,
)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_engines_agree_on_any_fleet(
    seed: int,
    some: list[dict[str, Any]],
    made: list[dict[str, Any]],
    wfm: dict[str, Any],
    gate: dict[str, Any] | None,
) -> None:
    both(any_fleet(seed, some, made, wfm, gate))


@given(
    seed=st.integers(0, 2**63 - 1),
    pair=st.tuples(cohorts, cohorts),
    devices=st.integers(500, 2000),
    made=revisions,
    wfm=wfms,
    gate=gates,
)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_engines_agree_on_up_to_two_thousand_devices(
    seed: int,
    pair: tuple[dict[str, Any], dict[str, Any]],
    devices: int,
    made: list[dict[str, Any]],
    wfm: dict[str, Any],
    gate: dict[str, Any] | None,
) -> None:
    counts = (devices // 3, devices - devices // 3)
    large = [
        {**item, "count": count, "polling": {**item["polling"], "period": 25 + item["polling"]["period"]}}
        for item, count in zip(pair, counts, strict=True)
    ]
    both(any_fleet(seed, large, made, wfm, gate))


def any_fleet(
    seed: int, some: list[dict[str, Any]], made: list[dict[str, Any]], wfm: dict[str, Any], gate: dict[str, Any] | None
) -> Fleet:
    named = [{**item, "name": f"cohort-{n}"} for n, item in enumerate(some)]
    rollouts = [{**rollout, "pause": gate} for rollout in BASE["rollouts"]]
    applications = [{"name": "app", "revisions": [{**item, "name": str(n + 1)} for n, item in enumerate(made)]}]
    changes = {"seed": seed, "cohorts": named, "applications": applications, "rollouts": rollouts, "wfm": wfm}
    return Fleet.model_validate({**BASE, **changes})
