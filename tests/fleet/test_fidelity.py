"""The same fleet live and simulated: differences are told, and are smaller with what the live run calibrated."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from conformance.cli.main import main
from conformance.cli.simulate_calibrate_into import Description, comments
from simulator.fleet import calibration, fidelity
from simulator.fleet.description import Fleet
from simulator.fleet.live.histogram import Histogram
from simulator.fleet.quantities import Distribution
from simulator.fleet.reading import examples, read, read_example

SMALL = """
# a fleet for half a minute of patience
name: small
duration: 9s
cohorts:
  - name: gateways
    count: 40
    application: monitor
    polling: {period: 1s, jitter: 0.2, start_spread: 1s}  # quick
    network: {rtt: 0.0005}
applications:
  - name: monitor
    revisions:
      - {name: "1.0.0"}
      - {name: "1.1.0", bytes: 1000, installs: {uniform: [0.5, 1]}}
rollouts:
  - {application: monitor, revision: "1.1.0", waves: [{at: 3s}]}
"""


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fidelity")
    (folder / "fleet.yaml").write_text(SMALL)
    assert main(["simulate", "fidelity", str(folder / "fleet.yaml"), "--out", str(folder / "out")]) == 0
    return folder


def figure(told: dict[str, Any], name: str) -> dict[str, Any]:
    return next(row for row in told["figures"] if row["figure"] == name)


def test_a_fleet_is_compared_live_and_in_both_engines(compared: Path) -> None:
    told = json.loads((compared / "out" / "fidelity.json").read_text())
    assert told["complete"]
    unchanged = figure(told, "requests: unchanged")
    assert unchanged["live"] > 200
    assert unchanged["compiled"] == unchanged["simpy"]
    assert abs(unchanged["difference"]["compiled"]) < 0.25
    for name, count in {"capabilities": 40, "bundles": 40, "status": 120}.items():
        requests = figure(told, f"requests: {name}")
        assert requests["live"] == requests["compiled"] == requests["simpy"] == count, name
    assert figure(told, "requests: changed")["live"] == told["first_manifests"] == 40
    everywhere = figure(told, "1.1.0 on 100% of devices, s")
    assert 1 <= everywhere["live"] <= 6
    assert abs(everywhere["live"] - everywhere["compiled"]) <= 2
    assert figure(told, "requests: unreachable")["live"] == 0
    assert [step["devices"] for step in told["operator"]] == [40]
    summary = json.loads((compared / "out" / "summary.json").read_text())
    assert summary["fidelity"] == told["figures"]


def test_the_comparison_is_a_page_that_is_drawn_again(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = compared / "out"
    told = json.loads((out / "fidelity.json").read_text())
    page = (out / "report.html").read_text()
    assert all(f'id="picture-{name}"' in page for name in ("requests-by-kind", "convergence-times", "answers-p50"))
    unchanged = figure(told, "requests: unchanged")
    assert f"<td>{unchanged['simpy']:,} ({unchanged['difference']['simpy']:+.1%})</td>" in page
    (out / "report.html").unlink()
    capsys.readouterr()
    assert main(["simulate", "report", str(out)]) == 0
    assert "The SimPy engine: " in capsys.readouterr().out
    assert (out / "report.html").read_text() == page


def test_a_comparison_that_is_broken_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "fidelity.json").write_text('{"fleet": "a", "devices": "many"}')
    assert main(["simulate", "report", str(tmp_path)]) == 2
    assert "devices" in capsys.readouterr().err


def test_calibrated_the_simulation_is_nearer(compared: Path) -> None:
    told = json.loads((compared / "out" / "fidelity.json").read_text())
    for name in ("answer p50: bundle, s", "answer p50: unchanged, s", "answer p95: unchanged, s"):
        apart = figure(told, name)["difference"]
        assert abs(apart["calibrated"]) < max(abs(apart["compiled"]), 0.25), name


def test_a_calibration_is_merged_and_comments_stay(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = compared / "fleet.yaml"
    assert main(["simulate", "calibrate", str(compared / "out"), "--into", str(file)]) == 0
    printed = capsys.readouterr().out
    merged = read(file.read_bytes(), "fleet.yaml")
    assert "# a fleet for half a minute of patience" in file.read_text()
    assert "# quick" in file.read_text()
    before = read(SMALL.encode(), "fleet.yaml")
    assert merged.wfm.service != before.wfm.service
    assert merged.cohorts[0].network.rtt != before.cohorts[0].network.rtt
    assert merged.applications[0].revisions[0] == before.applications[0].revisions[0]
    assert merged.applications[0].revisions[1].bytes != 1000
    assert merged.rollouts == before.rollouts
    # what is printed can be pasted
    part = yaml.safe_load(printed)
    assert part["wfm"]["sizes"]["unchanged"] == merged.wfm.sizes.unchanged
    Fleet.model_validate({**yaml.safe_load(SMALL), "wfm": part["wfm"]})


def test_percentiles_are_merged_in_rows_that_can_be_read(tmp_path: Path, compared: Path) -> None:
    """Times as no simple distribution has them, into a description that has them on one line."""
    measured = json.loads((compared / "out" / "live.json").read_text())
    for exchange in measured["exchanges"]:
        if exchange["operation"] == "fetch-manifest":
            two = Histogram()
            for _ in range(500):
                two.record(0.001)
                two.record(0.8)
            exchange["service_time"] = two.to_plain()
    (tmp_path / "live.json").write_text(json.dumps(measured))
    file = tmp_path / "fleet.yaml"
    file.write_text(SMALL + "wfm:\n  service: {unchanged: 0.1, bundle: 0.1}  # on one line\n")
    assert main(["simulate", "calibrate", str(tmp_path), "--into", str(file)]) == 0
    text = file.read_text()
    assert "percentiles" in text
    assert max(map(len, text.splitlines())) <= 120
    assert "# on one line" in text
    merged = read(text.encode(), "fleet.yaml")
    assert isinstance(merged.wfm.service.unchanged, Distribution)
    assert merged.wfm.service.unchanged.percentiles is not None
    assert len(merged.wfm.service.unchanged.percentiles) == 15


def remarks(text: str) -> list[str]:
    """Comments of a text, wherever they begin."""
    return sorted(comments(text).elements())


def test_a_calibration_is_merged_into_what_init_writes(tmp_path: Path, compared: Path) -> None:
    """Its comments show distributions, too, and stay as they are; nothing else changes."""
    file = tmp_path / "fleet.yaml"
    assert main(["simulate", "init", "--out", str(file)]) == 0
    before = file.read_text()
    assert main(["simulate", "calibrate", str(compared / "out"), "--into", str(file)]) == 0
    text = file.read_text()
    assert remarks(text) == remarks(before)
    assert text.splitlines()[:10] == before.splitlines()[:10]
    lost = [line for line in before.splitlines() if line not in text.splitlines()]
    assert all(line.lstrip().startswith(("rtt:", "service:", "sizes:")) for line in lost), lost
    assert max(map(len, text.splitlines())) <= max(map(len, before.splitlines()))
    again = file.read_text()
    assert main(["simulate", "calibrate", str(compared / "out"), "--into", str(file)]) == 0
    assert file.read_text() == again


def test_a_calibration_is_merged_into_every_example(tmp_path: Path, compared: Path) -> None:
    fitted = calibration.calibrate(calibration.read_results(compared / "out"))
    file = tmp_path / "fleet.yaml"
    for name, example in examples().items():
        before = example.read_text()
        file.write_text(before)
        Description(file).merge(fitted)
        text = file.read_text()
        assert read(text.encode(), name) == fitted.applied(read_example(name))
        assert remarks(text) == remarks(before), name
        assert [line for line in before.splitlines() if line.lstrip().startswith("#") and line not in text] == [], name
        assert ("pause: null" in text) == ("pause: null" in before), name


FLOW = """# head
name: x   # the name
cohorts:
- {name: a, count: 3, application: app}  # three

- name: b  # second
  count: 4
  network: {loss: 0.1}  # lossy
  # after the network
  application: app
applications: [{name: app, revisions: [{name: "1"}]}]
wfm: {servers: 4, service: {unchanged: 0.1}, down: [{at: 1h, lasts: 5m}]}  # tail

# variants:
#   - none
"""


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_is_merged_into_a_flow_mapping_has_a_line_of_its_own(newline: str, tmp_path: Path, compared: Path) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(FLOW, newline=newline)
    assert main(["simulate", "calibrate", str(compared / "out"), "--into", str(file)]) == 0
    assert file.read_bytes().count(b"\r\n") == (0 if newline == "\n" else file.read_bytes().count(b"\n"))
    text = file.read_text()
    lines = text.splitlines()
    for line in (
        "wfm:  # tail",
        "  servers: 4",
        "  down: [{at: 1h, lasts: 5m}]",
        "  network:  # lossy",
        "- name: b  # second",
    ):
        assert line in lines
    assert any(line.startswith("    unchanged: ") for line in lines)
    assert sum(line.startswith("    rtt: ") for line in lines) == 2
    assert text.endswith("\n\n# variants:\n#   - none\n"), "a comment about what follows stays where it was"
    assert remarks(text) == remarks(FLOW)
    merged = read(text.encode(), "fleet.yaml")
    fitted = calibration.calibrate(calibration.read_results(compared / "out"))
    assert merged == fitted.applied(read(FLOW.encode(), "fleet.yaml"))


def test_a_comment_that_would_be_lost_is_told_and_the_file_stays_as_it_is(
    tmp_path: Path, compared: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fleet.yaml"
    before = SMALL + "wfm: {servers: 4,  # four\n  queue_limit: 5}\n"
    file.write_text(before)
    assert main(["simulate", "calibrate", str(compared / "out"), "--into", str(file)]) == 2
    told = capsys.readouterr()
    assert "fleet.yaml: comments inside of {} or [] would be lost: # four" in told.err
    assert "put the printed part in by hand" in told.err
    assert yaml.safe_load(told.out)["wfm"]["service"], "what was fitted is printed all the same"
    assert (file.read_text(), [path.name for path in tmp_path.iterdir()]) == (before, ["fleet.yaml"])


def test_a_description_that_is_wrong_stays_as_it_is(compared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = compared / "wrong.yaml"
    file.write_text(SMALL.replace("count: 40", "cuont: 40"))
    assert main(["simulate", "calibrate", str(compared / "out"), "--into", str(file)]) == 2
    assert "did you mean count?" in capsys.readouterr().err
    assert "cuont: 40" in file.read_text()


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("duration: 9s", "duration: 1h", "at most 600 s"),
        ("count: 40", "count: 40000", "at most 5,000 devices"),
        ("{rtt: 0.0005}", "{loss: 0.1}", "loss, bandwidth"),
    ],
)
def test_what_cannot_be_compared_is_said(
    old: str, new: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "fleet.yaml").write_text(SMALL.replace(old, new))
    assert main(["simulate", "fidelity", str(tmp_path / "fleet.yaml"), "--out", str(tmp_path / "out")]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_simulation_of_another_fleet_is_seen_to_be_another() -> None:
    fleet = read(SMALL.encode(), "fleet.yaml")
    polling = fleet.cohorts[0].polling.model_copy(update={"period": 2.0})
    other = fleet.model_copy(update={"cohorts": (fleet.cohorts[0].model_copy(update={"polling": polling}),)})
    runs = [fidelity.of_simulation(one, "compiled") for one in (fleet, fleet, other)]
    rows = {row.name: row.differences for row in fidelity.rows(runs)}
    assert all(row[0] in (0.0, None) for row in rows.values())
    assert rows["requests: unchanged"][1] == pytest.approx(-0.5, abs=0.15)
    assert rows["bytes of HTTP"][1] is not None
    assert rows["bytes of HTTP"][1] < -0.1


def test_the_example_can_be_compared() -> None:
    fidelity.check(read_example("fidelity-500"))


def test_waves_that_were_given_out_bit_by_bit_are_simulated_so() -> None:
    fleet = read(SMALL.encode(), "fleet.yaml")
    slow = fidelity.paced(fleet, {(0, 0): (3.0, 8.0)})
    waves = slow.rollouts[0].waves
    assert len(waves) == 50
    assert sum(wave.share for wave in waves) == pytest.approx(1.0)
    assert (waves[0].at, waves[-1].at) == pytest.approx((3.05, 7.95))
    assert fidelity.paced(fleet, {}).rollouts[0].waves[-1].at == 3.0
    rows = {
        row.name: row.values
        for row in fidelity.rows([fidelity.of_simulation(one, "compiled", fleet) for one in (fleet, slow)])
    }
    prompt, late = rows["1.1.0 on 50% of devices, s"]
    assert prompt is not None
    assert late is not None
    assert late >= prompt + 1
