from pathlib import Path

import pytest
import yaml

from conformance.bench.deadlines import Deadlines
from conformance.bench.ics import load_ics
from conformance.catalogue import load, revisions
from conformance.record.events import Role
from tests.cli.commands import assert_refused, call


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
