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
        ("poll-interval: 15", "poll-interval: 1000000", ("poll-interval", "86400", "1000000")),
        ("limits: {apply: 120}", "limits: {apply: 0}", ("limits.apply", "greater than 0", "0")),
        ("subject: {name: Edge 9,", "subject: {nam: Edge 9,", ("subject.nam:", "unknown field 'nam'; nearest: name")),
        ("profile: standalone", "profile: standalone\nrevision: 9.9", ("9.9",)),
        ("role: device", "colour: red\nrole: device", ("colour",)),
        ("role: device", "role: device\nrevison: x", (":3: revison: unknown field 'revison'; nearest: revision",)),
        ("limits: {apply: 120}", "limits: {apply: 9, apply: 120}", (":7: limits.apply: expected once, found again",)),
        ("role: device", "role: device\nprofile: standalone", (":5: profile: expected once, ", "in line 3 already")),
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
    assert message.startswith(f"{path}:"), "the file, and the line wherever there is one"
    for part in says:
        assert part in message


WFM = """role: wfm
subject: {name: Plant}
profile: full
clients: [line-7, line-8]
"""


def test_a_wfm_may_name_the_clients_it_was_told_of(tmp_path: Path) -> None:
    assert load_ics(written(tmp_path, WFM), "wfm").clients == ("line-7", "line-8")
    assert load_ics(written(tmp_path, WFM.replace("[line-7, line-8]", "[]")), "wfm").clients == ()


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ("[line-7, line-8]", "[line-7, line 8]", ":4: clients: expected ids of letters, digits, '.', '_' and '-'"),
        ("[line-7, line-8]", "[line-7, line-7]", ":4: clients: expected each client once, found 'line-7' twice"),
        ("[line-7, line-8]", "line-7", ":4: clients: expected a list, found 'line-7'"),
        (
            "clients: [line-7, line-8]",
            "clients:\n- line-7\n- 8",
            ":6: clients.1: expected a text, found 8",
        ),
        ("role: wfm", "role: device", ":1: role: expected wfm, found device"),
        ("profile: full", "profile: fulll", ":3: profile: unknown profile 'wfm/fulll'"),
        ("profile: full", "profile: full\nlimits:\n  answr: 3", ":4: limits: "),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, before: str, after: str, says: str) -> None:
    path = written(tmp_path, WFM.replace(before, after))
    with pytest.raises(UsageError) as caught:
        load_ics(path, "wfm")
    assert f"{path}{says}" in str(caught.value)


def test_a_device_has_no_clients(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r":8: clients: expected in the statement of a wfm only, found a"):
        load_ics(written(tmp_path, f"{GOOD}clients: [a]\n"), "device")


def test_a_missing_or_empty_file_is_one_clear_message(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_ics(tmp_path / "none.yaml", "device")
    with pytest.raises(UsageError, match="expected a mapping"):
        load_ics(written(tmp_path, ""), "device")


@pytest.mark.parametrize("role", ["device", "wfm"])
def test_the_references_have_a_statement(role: str) -> None:
    ics = Ics.of_reference("device" if role == "device" else "wfm")
    assert load().applicable(role, ics.claims(load()))
