from pathlib import Path

import pytest
import yaml

from conformance.bench.deadlines import Deadlines
from conformance.bench.ics import load_ics
from conformance.catalogue import load, revisions
from conformance.record.events import Role
from tests.cli.commands import assert_refused, call
from tests.cli.processes import eventually, served


@pytest.mark.parametrize("revision", revisions())
@pytest.mark.parametrize("role", ["device", "wfm"])
def test_every_draft_can_be_used_as_it_is(tmp_path: Path, role: Role, revision: str) -> None:
    file = tmp_path / "ics.yaml"
    assert call("init", role, "--revision", revision, "--out", file).code == 0
    ics = load_ics(file, role)
    profile = load(revision).profiles(role)[0]
    assert (ics.revision, ics.profile) == (revision, profile.name)
    assert set(ics.claims(load(revision))) == set(profile.claims)


def test_the_draft_of_another_profile_claims_its_features(tmp_path: Path) -> None:
    file = tmp_path / "ics.yaml"
    assert call("init", "device", "--profile", "gateway", "--name", 'A "fine" pump', "--out", file).code == 0
    ics = load_ics(file, "device")
    assert ics.subject.name == 'A "fine" pump'
    assert set(ics.claims(load())) == set(load().profile("device", "gateway").claims)


def test_uncommented_policies_and_limits_are_accepted(tmp_path: Path) -> None:
    text = call("init", "device").out.replace("policies: {}", "policies:").replace("limits: {}", "limits:")
    file = tmp_path / "ics.yaml"
    file.write_text(text.replace("\n#  ", "\n  "))
    ics = load_ics(file, "device")
    assert ics.policies["retry"] == "backoff"
    assert ics.deadlines == Deadlines()


def test_without_out_the_draft_goes_to_stdout() -> None:
    ended = call("init", "wfm")
    assert ended.code == 0
    assert yaml.safe_load(ended.out)["role"] == "wfm"


def test_a_file_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "ics.yaml"
    file.write_text("mine")
    assert_refused(call("init", "device", "--out", file), "file-exists", str(file))
    assert file.read_text() == "mine"


def test_bad_names_are_refused(tmp_path: Path) -> None:
    assert_refused(call("init", "device", "--profile", "gatway"), "unknown-profile", "gateway")
    assert_refused(call("init", "wfm", "--revision", "2024-11"), "unknown-revision", "2024-10")
    assert_refused(call("init", "wfm", "--out", tmp_path / "no" / "ics.yaml"), "missing-file", "ics.yaml")


def test_a_device_is_watched_and_its_statement_says_what_was_seen(tmp_path: Path) -> None:
    file, folder = tmp_path / "ics.yaml", tmp_path / "id/device"
    door = ("--listen", "127.0.0.1:0", "--identity", tmp_path / "id", "--out", file)
    with served(tmp_path / "init.log", "init", "device", *door, "--watch", 3, "--wait", 25, "--offer") as init:
        eventually(
            lambda: (folder / "connection.txt").exists() or init.process.poll() is not None, 25, init.log.read_text
        )
        url = init.wait_for(r"WFM URL: +(https://\S+)")
        own = ("--svid", folder / "svid.pem", "--key", folder / "svid_key.pem")
        trust = ("--trust-bundle", folder / "trust-bundle.json", "--poll-interval", 0.2, "--device-id", "pump-9")
        with served(tmp_path / "device.log", "serve", "device", "--wfm", url, *own, *trust):
            assert init.process.wait(30) == 0, init.text
    assert "watching it for 3 s" in init.text
    text, ics = file.read_text(), load_ics(file, "device")
    assert ics.poll_interval is not None
    assert 0.15 < ics.poll_interval < 1.0
    assert set(ics.claims(load())) == {"hosting", "helm", "compose"}, "nothing is claimed that was not seen"
    assert "# seen: 1 devices reported capabilities: pump-9" in text
    assert "installed" in text
    assert not ics.policies


def test_a_device_that_never_comes_is_said(tmp_path: Path) -> None:
    file = tmp_path / "ics.yaml"
    door = ("--listen", "127.0.0.1:0", "--identity", tmp_path / "id", "--out", file, "--wait", 1)
    ended = call("init", "device", *door)
    assert ended.code == 2
    assert "error[no-device]: no device connected" in ended.err
    assert not file.exists()


def test_nothing_is_offered_without_a_device() -> None:
    assert_refused(call("init", "device", "--offer"), "usage", "--listen")
