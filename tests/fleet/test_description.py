"""What a user writes is read whole, or refused with file, line, field, and the nearest known name."""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from conformance.cli.main import main
from simulator.fleet import compiled, reading
from simulator.fleet.plan import World, plan_of

GOOD = """
cohorts:
  - {name: a, count: 30, application: app}
applications:
  - name: app
    revisions: [{name: "1"}, {name: "2"}]
rollouts:
  - {application: app, revision: "2", waves: [{at: 10m}]}
duration: 30m
"""


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("count: 30", "cuont: 30", ":3: cohorts.0.cuont: unknown key; did you mean count?"),
        ("count: 30", "count: 0", ":3: cohorts.0.count"),
        ("count: 30", "count: 30000000", ":3: cohorts.0.count"),
        ("count: 30", "count: 3, network: {loss: .nan}", ":3: cohorts.0.network.loss"),
        ("count: 30", "count: 3, network: {rtt: {uniform: [3, 1]}}", "expected [low, high] with low not above high"),
        ("count: 30", "count: 3, polling: {periods: 3}", "did you mean period?"),
        ("count: 30", 'count: 3, polling: {hours: ["9-17"]}', 'expected hours of the day such as "22:00-06:00"'),
        ("count: 30", 'count: 3, polling: {hours: ["09:00-09:00"]}', "expected an end other than the start"),
        ("count: 30", 'count: 3, polling: {hours: "22:00-06:00"}', 'expected a list of hours such as ["22:00-06:00"]'),
        ("count: 30", "count: 3, installs: {tries: 0}", ":3: cohorts.0.installs.tries"),
        ("count: 30", "count: 3, installs: {trys: 2}", "did you mean tries?"),
        ('{name: "2"}', '{name: "2", timeout: 0}', ":6: applications.0.revisions.1.timeout"),
        ('{name: "2"}', '{name: "2", installs: {percentiles: {50: 3}}}', "percentiles: expected at least two"),
        ('{name: "2"}', '{name: "2", installs: {}}', "expected exactly one of uniform, exponential"),
        (
            "count: 30",
            "count: 3, network: {rtt: {gamma: [1, 2]}}",
            ":3: cohorts.0.network.rtt.gamma: unknown key; known",
        ),
        ("count: 30", "count: 3, network: {rtt: {unifrom: [1, 2]}}", "rtt.unifrom: unknown key; did you mean uniform?"),
        (
            "count: 30",
            "count: 3, network: {rtt: {lognormal: [0.5, 0.1]}}",
            "lognormal: expected [median, p95] with the median not above the 95th percentile, found {lognormal: [0.5,",
        ),
        ("count: 30", "count: 3, network: {rtt: [1, 2]}", ":3: cohorts.0.network.rtt: expected a time such as 90"),
        ("count: 30", "count: 3, network: {rtt: {exponential: x}}", "network.rtt.exponential: expected a time such as"),
        (
            "count: 30",
            "count: 3, network: {rtt: {uniform: [3]}}",
            "network.rtt.uniform.1: expected a value, found none",
        ),
        (
            "count: 30",
            "count: 3, network: {rtt: {percentiles: {50: 1, 150: 2}}}",
            "percentiles.150: expected less than",
        ),
        ("count: 30", "count: 3, polling: 60", ":3: cohorts.0.polling: expected a mapping with keys such as period"),
        ("count: 30, ", "", ":3: cohorts.0.count: expected a value, found none"),
        (
            "duration: 30m",
            "duration: 30m\nwfm: {restored: [{at: 20m, lasts: 5m, backup: 40m}]}",
            ":10: wfm.restored.0: backup: expected a time not after at (1200 s), found 2400 s",
        ),
        ("at: 10m", "at: 10 parsecs", ":8: rollouts.0.waves.0.at: expected a time such as"),
        ('revision: "2"', 'revision: "3"', "expected one of 1, 2, found 3"),
        ("duration: 30m", "duration: -1", ":9: duration"),
        ("duration: 30m", "duration: 30m\nduration: 31m", "duplicate key"),
        ("cohorts:", "cohorts: [", "fleet.yaml"),
        (
            "name: a",
            "name: bad_rev",
            "dots and hyphens, at most 62, beginning and ending with a letter or digit, found 'bad_rev'",
        ),
        ("name: a", f"name: {'a' * 63}", ":3: cohorts.0.name: expected lower-case letters, digits, dots and hyphens"),
        (
            "duration: 30m",
            "variants: {bad_rev: {seed: 2}}",
            ":9: variants.bad_rev: expected lower-case letters, digits",
        ),
        ('name: "2"', "name: 2.0", ':6: applications.0.revisions.1.name: expected a text: write "2.0", with quotes'),
        ("count: 30", "count: 1.5", ":3: cohorts.0.count: expected a whole number, found '1.5'"),
        ("count: 30", "count: 3, sites: {outages: 1}", ":3: cohorts.0.sites.outages: expected a list, found '1'"),
        ('[{name: "1"}, {name: "2"}]', "[]", ":6: applications.0.revisions: expected at least 1 of them, found []"),
        (
            "duration: 30m",
            "wfm: {retry_after: 1.5}",
            ':9: wfm.retry_after: expected whole seconds, as the protocol has them: 90, "90s" or "5m", found \'1.5\'',
        ),
        ("duration: 30m", "wfm: {retry_after: 1500ms}", ":9: wfm.retry_after: expected whole seconds"),
        ("duration: 30m", "wfm: {retry_after: -1}", ":9: wfm.retry_after: expected greater than or equal to 0"),
        (
            "count: 30",
            "count: 3, network: {rtt: {lognormal: [0.0000001, 2]}}",
            ":3: cohorts.0.network.rtt.lognormal.0: expected at least 0.000001, a microsecond",
        ),
        (
            "count: 30",
            "count: 3, network: {rtt: {exponential: 0}}",
            "network.rtt.exponential: expected at least 0.000001",
        ),
    ],
)
def test_a_wrong_description_is_refused_where_it_is_wrong(
    old: str, new: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(GOOD.replace(old, new))
    assert main(["simulate", str(file), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "fleet.yaml" in said
    assert "function-" not in said, "nothing of the library's own"
    assert "at least 2 of them" not in said, "the cause is told, and not what follows from it"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("written", "read"), [("90s", 90), ("1m", 60), ("2.0", 2), ("2000ms", 2), ("0", 0)])
def test_retry_after_has_whole_seconds_with_any_unit(written: str, read: int) -> None:
    fleet = reading.read((GOOD + f"wfm: {{retry_after: {written}}}").encode(), "fleet.yaml")
    assert fleet.wfm.retry_after == read
    assert plan_of(fleet).cohorts[0]["retry_after"] == read


@pytest.mark.parametrize("verb", [["simulate"], ["simulate", "run"], ["simulate", "live"]])
def test_a_seed_is_as_large_as_that_of_a_description_may_be(
    verb: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(GOOD)
    where = ["--live", "https://localhost:1", "--identity", str(tmp_path)] if "live" in verb else []
    for seed in (2**63, 2**64):
        assert main([*verb, str(file), *where, "--seed", str(seed), "--out", str(tmp_path / "out")]) == 2
        assert "--seed" in capsys.readouterr().err
        assert main([*verb, str(file), *where, "--set", f"seed={seed}", "--out", str(tmp_path / "out")]) == 2
        assert "--set: seed: expected less than 9223372036854775808" in capsys.readouterr().err
    if verb == ["simulate", "run"]:
        assert main([*verb, str(file), "--seed", str(2**63 - 1), "--out", str(tmp_path / "out")]) == 0
        assert json.loads((tmp_path / "out" / "summary.json").read_text())["seed"] == 2**63 - 1


@pytest.mark.parametrize("engine", ["compiled", "simpy"])
def test_a_description_is_simulated(engine: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(GOOD)
    assert main(["simulate", str(file), "--engine", engine, "--out", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert (summary["devices"], summary["engine"], summary["seed"]) == (30, engine, 1)
    assert 30 * 28 < summary["polls"] < 30 * 32
    assert summary["rollouts"][0]["succeeded"] == 30
    assert summary["peak_rss_mb"] > 0
    rates = (tmp_path / "out" / "rates.csv").read_text().splitlines()
    assert len(rates) == 1801  # a header, and a row for each second


def test_devices_that_never_reported_on_a_rollout_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(GOOD)
    assert main(["simulate", str(file), "--out", str(tmp_path / "out")]) == 0
    assert "  2: 30 of 30 succeeded, 0 failed\n" in capsys.readouterr().out
    assert main(["simulate", str(file), "--out", str(tmp_path / "cut"), "--set", "duration=640s"]) == 0
    told = re.search(r"2: (\d+) of 30 succeeded, 0 failed, (\d+) reported neither", capsys.readouterr().out)
    assert told is not None
    succeeded, silent = map(int, told.groups())
    assert (succeeded + silent, silent > 0) == (30, True)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("cohorts.a.polling.perod", "3s", "cohorts.a.polling.perod: unknown key; did you mean period?"),
        ("cohort.a.polling.period", "3s", "cohort: unknown key; did you mean cohorts?"),
        ("cohorts.a.polling.period", "x", "cohorts.a.polling.period: expected a time such as 90"),
        (
            "cohorts.a.network.rtt",
            "{gamma: [1, 2]}",
            "cohorts.a.network.rtt.gamma: unknown key; known here: exponential",
        ),
        ("cohorts.a.network.rtt.lognormal", "[2, 1]", "cohorts.a.network.rtt: lognormal: expected [median, p95]"),
        ("cohorts.a.count", "0", "cohorts.a.count: expected greater than or equal to 1, found '0'"),
        ("cohorts.aa.polling.period", "3s", "cohorts.aa.polling.period: expected one of a, 0 or *; did you mean a?"),
        (
            "applications.app.revisions.two.fails",
            "0",
            "applications.app.revisions.two.fails: expected one of ",
        ),
        ("applications.app.revisions.2.fails", "2", "applications.app.revisions.2.fails: expected less than or equal"),
    ],
)
@pytest.mark.parametrize("how", ["--set", "variant"])
def test_settings_are_told_as_a_file_is(
    how: str, path: str, value: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fleet.yaml"
    file.write_text(GOOD + (f"variants: {{other: {{{path}: {value}}}}}\n" if how == "variant" else ""))
    settings = ["--set", f"{path}={value}"] if how == "--set" else []
    assert main(["simulate", str(file), "--out", str(tmp_path / "out"), *settings]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"{'--set' if how == '--set' else 'variant other'}: {told}" in said
    assert not (tmp_path / "out").exists()


def test_what_never_happens_is_told_and_stands_in_the_report(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "fleet.yaml", tmp_path / "out"
    file.write_text(GOOD)
    assert main(["simulate", str(file), "--out", str(out)]) == 0
    assert "note:" not in capsys.readouterr().err
    later = {
        "cohorts.a.sites.outages": "[{at: 29m, lasts: 5m}, {at: 5h, lasts: 5m}]",
        "rollouts.0.waves": "[{at: 10m, share: 0.5}, {at: 30m, share: 0.5}]",
        "rollouts.0.pause.minimum": "31",
        "cohorts.a.sites.count": "31",
        "wfm.down": "[{at: 6h, lasts: 5m}]",
        "wfm.restored": "[{at: 7h, lasts: 5m, backup: 1h}]",
    }
    settings = [part for path, value in later.items() for part in ("--set", f"{path}={value}")]
    assert main(["simulate", str(file), "--out", str(out), *settings]) == 0
    told = [line.removeprefix("note: ") for line in capsys.readouterr().err.splitlines()]
    assert [text.partition(":")[0] for text in told] == [
        "cohorts.a.sites.outages.1",
        "wfm.down.0",
        "wfm.restored.0",
        "rollouts.0.waves.1 (2)",
        "rollouts.0.pause",
        "cohorts.a.sites.count",
    ]
    assert json.loads((out / "summary.json").read_text())["notes"] == told
    assert all(text in (out / "report.html").read_text() for text in told)
    events = (out / "events.csv").read_text()
    assert "1740.0" in events
    assert "18000.0" not in events


def test_hours_are_written_as_they_are_read() -> None:
    fleet = reading.read(
        GOOD.replace("count: 30", 'count: 3, polling: {hours: ["22:00-06:30"]}').encode(), "fleet.yaml"
    )
    assert fleet.cohorts[0].polling.hours == ((22 * 3600.0, 6.5 * 3600.0),)
    again = yaml.safe_dump(fleet.model_dump(mode="json", exclude_none=True)).encode()
    assert reading.read(again, "fleet.yaml") == fleet


def test_what_init_writes_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "init", "--out", str(tmp_path / "fleet.yaml")]) == 0
    fleet = reading.read((tmp_path / "fleet.yaml").read_bytes(), "fleet.yaml")
    assert fleet.devices == 10_000


def keys_of(schema: Any) -> set[str]:
    """Every key that the schema knows, wherever it stands."""
    if isinstance(schema, list):
        return set().union(*(keys_of(item) for item in schema)) if schema else set()
    if not isinstance(schema, dict):
        return set()
    found = set(schema.get("properties", {}))
    return found | set().union(*(keys_of(value) for value in schema.values()))


def test_what_init_writes_names_every_key_of_the_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", "init", "--out", str(tmp_path / "fleet.yaml")])
    main(["simulate", "schema", "--out", str(tmp_path / "schema.json")])
    schema = json.loads((tmp_path / "schema.json").read_text())
    text = (tmp_path / "fleet.yaml").read_text()
    assert {key for key in keys_of(schema) if f"{key}:" not in text} == set()


def test_ctrl_c_keeps_what_was_simulated_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = compiled.simulate

    def cut_short(world: World, **_: Any) -> None:
        whole(world)
        raise KeyboardInterrupt

    monkeypatch.setattr(compiled, "simulate", cut_short)
    file = tmp_path / "fleet.yaml"
    file.write_text(GOOD)
    assert main(["simulate", str(file), "--out", str(tmp_path / "out")]) == 130
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert not summary["complete"]
    assert summary["polls"] > 0
    assert "PARTIAL: interrupted" in capsys.readouterr().out


def test_an_interrupted_engine_keeps_what_its_threads_counted() -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    fleet = reading.read(GOOD.replace("count: 30", "count: 60000").encode(), "fleet.yaml")
    world = plan_of(fleet)
    with pytest.raises(KeyboardInterrupt):
        compiled.simulate(world, progress=interrupt)
    assert 30_000 < world.results[0][0] < 40_000  # two threads, one chunk each


def test_an_interrupted_engine_tells_of_how_many_devices_its_counts_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when the interruption comes between what threads have done and the telling of it; nothing counts twice."""
    count, heard, times = compiled._count, list[float](), list[int]()

    def interrupted(*args: Any) -> None:
        count(*args)
        times.append(1)
        if len(times) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(compiled, "_count", interrupted)
    fleet = reading.read(GOOD.replace("count: 30", "count: 60000").encode(), "fleet.yaml")
    world = plan_of(fleet)
    with pytest.raises(KeyboardInterrupt):
        compiled.simulate(world, progress=heard.append)
    assert len(times) == 2
    assert world.results[0][0] == round(heard[-1] * 60_000) == 32_768


def test_every_example_can_be_read() -> None:
    assert all(reading.read_example(name).name == name for name in reading.examples())


def test_an_unknown_example_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--example", "milion-day"]) == 2
    assert "nearest: million-day" in capsys.readouterr().err


def test_the_schema_accepts_what_init_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["simulate", "init", "--out", str(tmp_path / "fleet.yaml")])
    main(["simulate", "schema", "--out", str(tmp_path / "schema.json")])
    schema = json.loads((tmp_path / "schema.json").read_text())
    document = json.loads(json.dumps(yaml.safe_load((tmp_path / "fleet.yaml").read_text())))
    jsonschema.Draft202012Validator(schema).validate(document)
    document["cohorts"][0]["cuont"] = 1
    assert not jsonschema.Draft202012Validator(schema).is_valid(document)
