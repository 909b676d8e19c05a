"""Rollouts of a description are carried out at a WFM while its fleet runs."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from conformance.bench.adapters.opening import open_northbound
from conformance.bench.fleet_operator import FleetOperator, package_of
from simulator.fleet.description import Fleet
from simulator.fleet.live.driver import Progress, run_live
from simulator.fleet.live.mapping import LiveOptions, Mapped, mapped
from simulator.fleet.live.naming import packaged
from simulator.fleet.live.result import LiveResult
from simulator.fleet.live.results import summary_of, tables_of
from simulator.protocol.ids import Revision
from simulator.wfm.server import ReferenceWfm
from tests.fleet_live.test_driver import identity as identity  # noqa: PLC0414 - a fixture
from tests.wfm.support import config


def described(**bad: Any) -> Fleet:
    revisions = [{"name": "1.0.0"}, {"name": "1.1.0", "installs": 0.1}, {"name": "1.2.0", "installs": 0.1, **bad}]
    return Fleet.model_validate(
        {
            "duration": 60,
            "cohorts": [
                {"name": "a", "count": 30, "application": "app", "polling": {"period": 1, "start_spread": 0.5}},
                {"name": "b", "count": 10, "application": "other", "polling": {"period": 1, "start_spread": 0.5}},
            ],
            "applications": [
                {"name": "app", "revisions": revisions},
                {"name": "other", "revisions": [{"name": "1.0.0"}]},
            ],
            "rollouts": [
                {
                    "application": "app",
                    "revision": "1.1.0",
                    "waves": [{"at": 1.5, "share": 0.3}, {"at": 2.5, "share": 0.7}],
                },
                {
                    "application": "app",
                    "revision": "1.2.0",
                    "waves": [{"at": 4.5, "share": 0.4}, {"at": 50, "share": 0.6}],
                    "pause": {"failure_rate": 0.3, "minimum": 3},
                },
            ],
        }
    )


def carried_out(
    fleet: Fleet, identity: Path, good: tuple[str, str] = ("app", "1.1.0")
) -> tuple[Mapped, FleetOperator, LiveResult, ReferenceWfm]:
    async def scenario() -> tuple[Mapped, FleetOperator, LiveResult, ReferenceWfm]:
        async with ReferenceWfm(config(northbound_port=0)) as wfm:
            run = mapped(fleet, LiveOptions(operated=True))
            operator = FleetOperator(run.fleet, run.plan, open_northbound(f"http://127.0.0.1:{wfm.northbound_port}"))
            await asyncio.to_thread(operator.bring_packages)

            def watch(progress: Progress) -> None:
                operator.hear(progress)
                done = [step.what for step in operator.steps]
                if "rolled back" in done and progress.results.get((*good, "installed")) == 30:
                    raise KeyboardInterrupt  # all that is to be seen was

            operator.start()
            result = await asyncio.to_thread(
                run_live,
                run.plan,
                wfm.management_url,
                identity,
                on_progress=watch,
                on_announced=operator.announced,
            )
            operator.finish()
            return run, operator, result, wfm

    return asyncio.run(scenario())


def test_a_bad_revision_is_stopped_at_its_canary_and_taken_back(identity: Path) -> None:
    run, operator, result, wfm = carried_out(described(fails=1.0), identity)
    assert result.tally.results["app", "1.1.0", "installed"] == 30
    failed = result.tally.results["app", "1.2.0", "failed"]
    assert 3 <= failed < 25
    assert operator.paused_at(0) is None
    assert 4.5 <= (operator.paused_at(1) or 0.0) < 50
    assert [step.what for step in operator.steps][:2] == ["wave 1", "wave 2"]
    assert "rolled back" in [step.what for step in operator.steps]
    assert operator.left_undone == ()
    versions = {
        (kept.desired.package or ("", ""))[1]
        for number in range(30)
        for kept in wfm.core.client(run.plan.client_id(number)).deployments.values()
    }
    assert versions == {"1.1.0"}, "who had the bad revision has the one before it again"
    assert not any(wfm.core.client(run.plan.client_id(number)).deployments for number in range(30, 40))
    tables = tables_of(run.fleet, result)
    columns = [name for name in tables["convergence"] if name.startswith("rollout 1 (1.1.0)")]
    assert sum(tables["convergence"][name][-1] for name in columns) == 30
    good, bad = summary_of(run.fleet, result, 8.0)["rollouts"]
    assert (good["devices"], good["succeeded"], bad["succeeded"]) == (30, 30, 0)
    assert 0 < good["seconds_until"]["50%"] <= good["seconds_until"]["99%"]
    assert set(bad["seconds_until"].values()) == {None}, "a part of those it was for, which nobody came to be"
    waves = tables["waves"]
    of = {(r, w): n for r, w, n in zip(waves["rollout"], waves["wave"], waves["devices"], strict=True)}
    assert of[1, 1] + of[1, 2] == of[2, 1] + of[2, 2] == 30
    given = {step.what: step.devices for step in operator.steps if step.rollout == "app 1.1.0"}
    assert given == {"wave 1": of[1, 1], "wave 2": of[1, 2]}, "a wave's share is one of those it really went to"
    assert waves["adopted"] == [of[1, 1], of[1, 2], 0, 0]
    assert waves["s_until_99%"][2] is None
    kinds = dict(zip(tables["events"]["what"], tables["events"]["kind"], strict=True))
    assert kinds["1.1.0 wave 1"] == "wave"


def test_revisions_may_be_named_otherwise_than_versions_are(identity: Path) -> None:
    """The same fleet under free names: packages have semantic versions, results the names of the description."""
    fleet = described(fails=1.0).model_dump(mode="json")
    text = json.dumps(fleet).replace('"1.0.0"', '"1"').replace('"1.1.0"', '"1.1"').replace('"1.2.0"', '"bad"')
    named = Fleet.model_validate_json(text.replace('"app"', '"my.app"'))
    assert any("my.app 1.1 as my-app 1.1.0" in line for line in mapped(named, LiveOptions(operated=True)).left_out)
    run, operator, result, wfm = carried_out(named, identity, ("my.app", "1.1"))
    assert result.tally.results["my.app", "1.1", "installed"] == 30
    assert result.tally.results["my.app", "bad", "failed"] >= 3
    assert operator.paused_at(1) is not None
    given = {
        (kept.desired.package or ("", ""))
        for number in range(30)
        for kept in wfm.core.client(run.plan.client_id(number)).deployments.values()
    }
    assert given == {("my-app", "1.1.0")}


NAMES = st.from_regex(re.compile(r"[a-z0-9]([a-z0-9.-]{0,8}[a-z0-9])?"), fullmatch=True)


@given(st.lists(NAMES | st.sampled_from(["1", "1.0", "1.0.0", "01", "a", "2"]), min_size=1, max_size=8, unique=True))
def test_every_name_has_a_package_of_its_own(names: list[str]) -> None:
    applications = [{"name": name, "revisions": [{"name": revision} for revision in names]} for name in names]
    fleet = Fleet.model_validate(
        {"cohorts": [{"name": "a", "count": 1, "application": names[0]}], "applications": applications}
    )
    found = packaged(fleet)
    assert len(set(found.values())) == len(found) == len(names) ** 2
    for name in names:
        package_of(fleet, name, names[0])
        assert package_of(fleet, names[0], name).description.id == found[names[0], name][0]
        component = TypeAdapter(Revision).validate_python(found[names[0], name][1])
        assert component == name or not re.fullmatch(r"\d+\.\d+\.\d+", name) or name.startswith("0")


def test_packages_are_about_as_large_as_described() -> None:
    sizes = {}
    for size in (2000, 40_000):
        fleet = Fleet.model_validate(
            {
                "cohorts": [{"name": "a", "count": 1, "application": "app"}],
                "applications": [{"name": "app", "revisions": [{"name": "1.0.0", "bytes": size}]}],
            }
        )
        sizes[size] = len(package_of(fleet, "app", "1.0.0").to_archive())
    assert sizes[2000] == pytest.approx(2000, rel=0.4)
    assert sizes[40_000] == pytest.approx(40_000, rel=0.1)
