"""A statement that cannot be used is refused with file, field, expected and found."""

from pathlib import Path

import pytest

from conformance.bench.errors import UsageError
from conformance.bench.ics import Ics, load_ics
from conformance.catalogue import load

GOOD = """
role: device
subject: {name: Edge 9, vendor: Acme, version: "2.1"}
profile: standalone
policies: {offline-status: queue}
poll-interval: 15
limits: {apply: 120}
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "my-device.yaml"
    path.write_text(text)
    return path


def test_a_good_statement_is_read(tmp_path: Path) -> None:
    ics = load_ics(written(tmp_path, GOOD), "device")
    assert ics.subject.vendor == "Acme"
    assert ics.policy("offline-status") == "queue"
    assert ics.policy("retry") is None
    assert ics.deadlines.apply == 120
    assert ics.deadlines.poll > 30, "a slow poller is waited for"
    assert ics.claims(load()) == load().profile("device", "standalone").claims


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("role: device", "role: wfm", ("role", "expected device", "found wfm")),
        ("role: device", "role: robot", ("role", "'robot'")),
        ("profile: standalone", "profile: standalon", ("standalon", "nearest", "standalone")),
        ("profile: standalone", "profile: standalone\nfeatures: [helmm]", ("helmm", "nearest", "helm")),
        ("offline-status: queue", "offline-statu: queue", ("policies", "offline-statu", "nearest")),
        ("offline-status: queue", "offline-status: burn", ("policies.offline-status", "latest, queue, drop", "burn")),
        ("limits: {apply: 120}", "limits: {aply: 120}", ("limits", "aply", "nearest", "apply")),
        ("poll-interval: 15", "poll-interval: -1", ("poll-interval", "greater than 0", "-1")),
        ("subject: {name: Edge 9,", "subject: {nam: Edge 9,", ("subject.name", "nothing")),
        ("profile: standalone", "profile: standalone\nrevision: 9.9", ("9.9",)),
        ("role: device", "colour: red\nrole: device", ("colour",)),
        ("role: device", "role: [", ("not valid YAML",)),
    ],
)
def test_a_bad_statement_names_file_field_expected_and_found(
    tmp_path: Path, before: str, after: str, says: tuple[str, ...]
) -> None:
    path = written(tmp_path, GOOD.replace(before, after))
    with pytest.raises(UsageError) as caught:
        load_ics(path, "device")
    message = str(caught.value)
    assert str(path) in message
    for part in says:
        assert part in message


def test_a_missing_or_empty_file_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_ics(tmp_path / "none.yaml", "device")
    with pytest.raises(UsageError, match="expected a mapping"):
        load_ics(written(tmp_path, ""), "device")


@pytest.mark.parametrize("role", ["device", "wfm"])
def test_the_references_have_a_statement(role: str) -> None:
    ics = Ics.of_reference("device" if role == "device" else "wfm")
    assert load().applicable(role, ics.claims(load()))
