"""The verbs: what they print, how they end, and how they refuse."""

import json
from pathlib import Path

import pytest
import yaml

from conformance.search import device_answers as answer
from conformance.search import device_changes as act
from conformance.search.gherkin import scenario
from conformance.search.replays import Replay, save
from conformance.search.violations import Violation
from tests.cli.commands import assert_refused, call
from tests.search.seats import device, on_device


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A counterexample of the device that accepts an equal version."""
    actions = on_device(act.Publish(role="primary"), answer.OfferOlder(role="primary"))
    violated = Violation(
        invariant="the device never goes back to what is older",
        check="device.older_or_equal_state_is_refused",
        requirements=("DS-069",),
        expected="refused",
        found="adopted",
    )
    seat = device("accepts-equal-version")
    replay = Replay(
        role="device",
        revision=seat.ics.revision,
        subject=seat.target,
        seed=1,
        violated=violated,
        actions=actions,
        gherkin=scenario("device", actions, violated),
    )
    save(replay, tmp_path / "found.yaml")
    return tmp_path / "found.yaml"


def test_a_finding_is_told_saved_and_replayed(tmp_path: Path) -> None:
    save_to = tmp_path / "kept"
    ended = call(
        "search", "device", "--target", "simulated:wrong-aggregation", "--seed", 3, "--save", save_to, "--json"
    )
    assert ended.code == 1, ended.err
    told = json.loads(ended.out)
    assert told["subject"] == "simulated:wrong-aggregation"
    found = told["counterexample"]
    assert found["scenario"].startswith("@device @search")
    again = call("run", "device", "--replay", found["replay"])
    assert again.code == 1, again.err
    assert "it happens again" in again.out
    assert "conformant" not in again.out
    assert [path.name for path in save_to.iterdir()] == [Path(found["replay"]).name]


def test_the_reference_does_not_show_it(file: Path) -> None:
    ended = call("run", "device", "--replay", file, "--target", "simulated")
    assert ended.code == 0, ended.err
    assert "it does not happen" in ended.out


def test_nothing_found_is_no_verdict(tmp_path: Path) -> None:
    ended = call("search", "device", "--seed", 1, "--examples", 1, "--budget", 10, "--save", tmp_path / "kept")
    assert ended.code == 0, ended.err
    assert "no counterexample; that is no proof, and no verdict" in ended.out
    assert "conformant" not in ended.out
    assert not (tmp_path / "kept").exists()


def test_a_replay_that_cannot_be_carried_out_is_incomplete(file: Path, tmp_path: Path) -> None:
    apps = tmp_path / "narrow.yaml"
    apps.write_text("role: device\nsubject: {name: narrow}\nprofile: standalone\nlimits: {connect: 0.000001}\n")
    ended = call("run", "device", "--replay", file, "--ics", apps)
    assert ended.code == 4, (ended.out, ended.err)
    assert "could not be carried out" in ended.out


def test_a_search_that_never_gets_to_the_subject_is_incomplete(tmp_path: Path) -> None:
    ics = tmp_path / "narrow.yaml"
    ics.write_text("role: device\nsubject: {name: narrow}\nprofile: standalone\nlimits: {connect: 0.000001}\n")
    ended = call("search", "device", "--ics", ics, "--examples", 2, "--seed", 1, "--save", tmp_path / "kept")
    assert ended.code == 4, (ended.out, ended.err)
    assert "nothing could be carried out" in ended.out


def test_what_a_user_can_get_wrong_is_told(file: Path, tmp_path: Path) -> None:
    assert_refused(
        call("search", "device", "--target", "simulated:accepts-equal-versio"), "unknown-mutant", "accepts-equal"
    )
    assert_refused(call("search", "wfm", "--target", "simulated", "--mutants"), "usage", "--target and --mutants")
    assert_refused(call("run", "wfm", "--replay", file), "usage", "role: expected wfm, found device")
    assert_refused(call("run", "device", "--replay", tmp_path / "none.yaml"), "usage", "cannot be read")
    document = yaml.safe_load(file.read_text())
    file.write_text(yaml.safe_dump(document | {"subject": "https://device.example"}))
    assert_refused(call("run", "device", "--replay", file), "usage", "found on a real device")
    file.write_text(yaml.safe_dump(document | {"subject": "simulated:accepts-equl-version"}))
    assert_refused(call("run", "device", "--replay", file), "unknown-mutant", "did you mean accepts-equal-version")


@pytest.mark.parametrize("role", ["device", "wfm"])
def test_the_help_teaches(role: str) -> None:
    ended = call("search", role, "--help")
    assert ended.code == 0
    examples = ended.out.partition("Examples:")[2].partition("╭")[0].strip().splitlines()
    assert all(line.split()[0] == "margo-conformance" for line in examples), "an example stays on its line"
    told = " ".join(ended.out.split())
    for text in ("0 nothing was found", "1 a counterexample", "4 nothing could", "None of them is a verdict"):
        assert text in told
