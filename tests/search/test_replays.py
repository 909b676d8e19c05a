"""Replay files: written and read without loss, and refused with line, field, expected and found."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings

from conformance.bench.errors import UsageError
from conformance.search import device_answers as answer
from conformance.search import device_changes as act
from conformance.search import device_search, wfm_search
from conformance.search.actions import AnyAction, fitted, misfit
from conformance.search.gherkin import scenario
from conformance.search.replays import Replay, model_of, read, save
from conformance.search.violations import Violation
from conformance.search.wfm_actions import GeneratedReport
from tests.search.seats import device, on_device, wfm

BROKEN = Violation(invariant="it holds", check="device.some_check", requirements=("DS-069",), expected="a", found="b")


def replay(actions: tuple[AnyAction, ...], role: str = "device") -> Replay:
    text = scenario("device", actions, BROKEN)
    return Replay(
        role=role, revision="1.0.0-rc.3", subject="simulated", seed=4, violated=BROKEN, actions=actions, gherkin=text
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "found.yaml"
    save(replay(on_device(act.Publish(role="primary"), answer.OfferOlder(role="primary"))), path)
    return path


@settings(max_examples=12, deadline=None)
@given(drawn=device_search.drawn())
def test_every_sequence_for_devices_is_read_as_it_was_written(
    drawn: list[AnyAction], tmp_path_factory: pytest.TempPathFactory
) -> None:
    actions = fitted(drawn, model_of("device"), device().hooks, 12)
    path = tmp_path_factory.mktemp("replay") / "found.yaml"
    save(replay(actions), path)
    assert read(path, "device").steps == actions
    assert misfit(actions, model_of("device")) is None


@pytest.mark.parametrize("odd", ["·_m\x85ï", "a\u2028b", "a\u2029b"])
def test_line_breaks_of_unicode_are_read_as_they_were_written(odd: str, tmp_path: Path) -> None:
    action = GeneratedReport(client="A", document={"labels": {"aa": odd}}, valid=True)
    save(replay((action,), "wfm"), tmp_path / "found.yaml")
    assert read(tmp_path / "found.yaml", "wfm").steps == (action,)


@settings(max_examples=6, deadline=None)
@given(drawn=wfm_search.drawn("1.0.0-rc.3"))
def test_every_sequence_for_wfms_is_read_as_it_was_written(
    drawn: list[AnyAction], tmp_path_factory: pytest.TempPathFactory
) -> None:
    actions = fitted(drawn, model_of("wfm"), wfm().hooks, 12)
    path = tmp_path_factory.mktemp("replay") / "found.yaml"
    save(replay(actions, "wfm"), path)
    assert read(path, "wfm").steps == actions


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace("margo-search/1", "margo-search/9"), (":1: format:", "'margo-search/1'", "/9'")),
        (lambda text: text.replace("role: primary", "role: primry", 1), ("actions.0.role:", "primary", "'primry'")),
        (lambda text: text.replace("do: publish", "do: publsh"), ("actions.0:", "publish", "publsh")),
        (lambda text: text.replace("seed: 4", "seed: four"), (":5: seed:", "integer", "'four'")),
        (lambda text: text.replace("seed: 4\n", ""), ("seed:", "required", "nothing")),
        (
            lambda text: text.replace("release: 1", "release: 7"),
            ("actions.0:", "carried out at this place", "release 7"),
        ),
        (lambda text: text.replace("role: device", "role: wfm"), (":2: role:", "expected device", "found wfm")),
        (lambda text: text + "colour: red\n", ("colour:", "not permitted", "'red'")),
        (lambda text: "- " + text, (":", "not valid YAML")),
        (lambda _: "just a text", (":1:", "a replay file")),
        (lambda _: "", (":1:", "a replay file")),
    ],
)
def test_a_file_that_cannot_be_relied_on_is_refused(file: Path, change: object, words: tuple[str, ...]) -> None:
    file.write_text(change(file.read_text()))  # type: ignore[operator]
    with pytest.raises(UsageError) as refused:
        read(file, "device")
    assert str(file) in str(refused.value)
    for word in words:
        assert word in str(refused.value)


def test_a_file_that_is_not_there_or_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read(tmp_path / "nowhere.yaml", "device")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="UTF-8"):
        read(tmp_path / "bytes.yaml", "device")


def test_the_line_in_the_message_is_that_of_the_field(file: Path) -> None:
    lines = file.read_text().splitlines()
    number = next(place for place, line in enumerate(lines, 1) if "release: 1" in line)
    lines[number - 1] = lines[number - 1].replace("1", "one")
    file.write_text("\n".join(lines))
    with pytest.raises(UsageError, match=rf"{file}:{number}: actions.0.release"):
        read(file, "device")


def test_a_file_says_all_that_a_reader_needs(file: Path) -> None:
    document = yaml.safe_load(file.read_text())
    assert list(document) == ["format", "role", "revision", "subject", "seed", "violated", "actions", "gherkin"]
    assert document["gherkin"].splitlines()[0] == "@device @search @req:DS-069"
    assert "When the WFM publishes" in document["gherkin"]
