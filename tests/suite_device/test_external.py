"""A device that connects by itself, with nothing but what the connection sheet tells it."""

import re
import socket
from pathlib import Path

import pytest

from conformance.bench.device_external import Arrangement
from conformance.bench.device_seat import external_seat
from conformance.bench.device_world import Endpoint
from conformance.bench.hooks.abilities import BUILT_IN, SIMULATED_ONLY
from conformance.bench.ics import Ics
from conformance.bench.run import RunPlan, run
from conformance.bench.scenarios import Selection, headings
from conformance.cli.real_device import blocked_by_hooks, foretell
from reports import console, markdown
from tests.suite_device.runs import carried_out, told
from tests.suite_device.standin import StandIn


@pytest.mark.parametrize("text", ["desired state", "first boot", "recovery"])
def test_external_device_goes_through_the_suite(text: str, tmp_path: Path) -> None:
    stand_in = StandIn(tmp_path)
    seat = external_seat(Ics.of_reference("device"), Arrangement(Endpoint(), tmp_path), wait_s=20.0)
    try:
        done = run(RunPlan((seat,), tmp_path, selection=Selection(texts=(text,))))
    finally:
        stand_in.leave()
    outcomes = {scenario.outcome.value for scenario in carried_out(done)}
    assert outcomes <= {"passed", "blocked"}, told(done)
    assert "passed" in outcomes
    assert done.verdicts("device")["DC-002"].value in ("pass", "blocked"), "the first connection was judged"
    assert any(finding.requirement == "DC-002" for scenario in done.scenarios for finding in scenario.findings)
    blocked = [scenario.finished.reason or "" for scenario in done.scenarios if scenario.outcome == "blocked"]
    assert all("needs" in reason for reason in blocked)


def test_what_only_a_simulated_device_shows_does_not_apply_to_a_real_one_and_the_report_says_why(
    tmp_path: Path,
) -> None:
    seat = external_seat(Ics.of_reference("device"), Arrangement(Endpoint(), tmp_path), wait_s=1.0)
    selection = Selection(texts=("Power is lost at every point",))
    done = run(RunPlan((seat,), tmp_path, selection=selection))  # no device comes, since none is needed
    ended = [item for item in done.scenarios if item.started.name.startswith("Power is lost at every point")]
    assert len(ended) == 6
    assert {item.outcome for item in ended} == {"not-applicable"}
    assert {item.finished.reason for item in ended} == {SIMULATED_ONLY["effects"]}
    assert done.conformity.exit_code == 4
    assert "does not apply (6 scenarios): effects can be counted in a simulated device only" in console.render(done)
    assert "effects can be counted in a simulated device only" in markdown.render(done)


@pytest.mark.parametrize("hooks", [(), ("power-cut",)])
def test_what_does_not_apply_to_a_real_device_is_not_foretold_as_blocked(hooks: tuple[str, ...]) -> None:
    blocked = blocked_by_hooks(Ics.of_reference("device"), BUILT_IN | {*hooks}, Selection())
    assert not {name for name in blocked if "effects" in name}
    assert any("reboot" in name for name in blocked)
    assert any("power-cut" in name for name in blocked) is not bool(hooks)


def test_every_scenario_that_will_be_blocked_is_foretold_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    ics = Ics.of_reference("device")
    foretell(ics, BUILT_IN, Selection())
    told = [line.strip() for line in capsys.readouterr().err.splitlines()]
    blocked = [scenario for lacking in blocked_by_hooks(ics, BUILT_IN, Selection()).values() for scenario in lacking]
    assert len({scenario.name for scenario in blocked}) > 20
    assert [line for line in headings(blocked) if line not in told] == []
    rows = sum(int(found[1]) if (found := re.search(r" \((\d+) rows\)$", line)) else 1 for line in headings(blocked))
    assert rows == len(blocked), "each row is told, or counted"
    assert not any("<" in line for line in told)
    assert not any(line.startswith("...") for line in told)


@pytest.mark.parametrize(("hooks", "told"), [(("reboot",), True), (("reboot", "uptime"), False), ((), False)])
def test_restarts_that_nothing_will_show_are_foretold(
    hooks: tuple[str, ...], told: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    foretell(Ics.of_reference("device"), BUILT_IN | {*hooks}, Selection())
    line = next((line for line in capsys.readouterr().err.splitlines() if "no hook `uptime`" in line), "")
    assert ("A device that reboots goes on where it was" in line) is told


def test_port_that_is_taken_is_said(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        arrangement = Arrangement(Endpoint(port=taken.getsockname()[1]), tmp_path)
        seat = external_seat(Ics.of_reference("device"), arrangement)
        done = run(RunPlan((seat,), tmp_path, selection=Selection(texts=("A chart is deployed",))))
    (scenario,) = carried_out(done)
    assert scenario.outcome == "error"
    assert (scenario.finished.reason or "").startswith("UsageError: --listen 127.0.0.1")
