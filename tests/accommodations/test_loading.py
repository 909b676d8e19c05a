"""What can be given with --accommodate, and what is said of what cannot."""

from pathlib import Path

import pytest

from conformance.bench.accommodations.loading import UnknownAccommodation, accommodations, shipped
from conformance.bench.accommodations.writing import EXAMPLE
from conformance.bench.errors import UsageError
from conformance.catalogue import load

REVISION = "1.0.0-rc.2-signed"


def test_what_is_shipped_fits_the_catalogue_and_every_set_its_members() -> None:
    known = {item.name: item for item in shipped().accommodations}
    assert len(known) == len(shipped().accommodations)
    for item in shipped().sets:
        for name in item.members:
            assert known[name].role == item.role
            assert set(item.revisions) <= set(known[name].revisions), (item.name, name)
        found = accommodations([item.name], item.role, item.revisions[0])
        assert [one.name for one in found] == list(item.members)
        for one in found:
            assert one.breaks
            assert all(load(item.revisions[0]).requirement(name).severity == "must" for name in one.breaks)


def test_names_and_sets_are_taken_together_each_once() -> None:
    found = accommodations(["error-member", "sandbox-era-b", "sandbox-era-a"], "wfm", REVISION)
    names = [item.name for item in found]
    assert names[0] == "error-member"
    assert len(names) == len(set(names))
    assert {"status-always-200", "status-always-201"} <= set(names)


def test_a_file_may_bring_its_own_and_sets_with_shipped_ones(tmp_path: Path) -> None:
    file = tmp_path / "ours.yaml"
    named = "name: ours, role: wfm, about: Ours., members: [error-member]"
    file.write_text(f"{EXAMPLE}sets:\n  - {{{named}, revisions: [{REVISION}]}}\n")
    found = accommodations([str(file)], "wfm", REVISION)
    assert {item.name: item.source for item in found} == {"our-status-route": str(file), "error-member": "shipped"}


def test_unknown_names_come_with_the_nearest() -> None:
    with pytest.raises(UnknownAccommodation, match=r"nearest: .*accept-required"):
        accommodations(["accept-requird"], "wfm", REVISION)


@pytest.mark.parametrize(
    ("name", "role", "revision", "said"),
    [
        ("digest-uncovered", "wfm", REVISION, "role wfm, found one for the role device"),
        ("error-member", "device", REVISION, "role device, found one for the role wfm"),
        ("error-member", "wfm", "1.0.0-rc.3", "revision 1.0.0-rc.3, found one for 1.0.0-rc.2-signed"),
        ("sandbox-era-c", "wfm", REVISION, "found one for 1.0.0-rc.3"),
    ],
)
def test_what_belongs_elsewhere_is_refused(name: str, role: str, revision: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        accommodations([name], "wfm" if role == "wfm" else "device", revision)


WRONG = {
    "a step that nobody knows": ("use: route", "use: rout", ":11:", "nearest: route"),
    "a field that nobody knows": ("departs:", "depart:", ":6: accommodations.0.depart", "nearest: departs"),
    "a statement that nobody knows": ("[API-001]", "[API-01]", ":5: accommodations.0.breaks", "nearest: API-0"),
    "a statement of the other role": ("[API-001]", "[API-002]", ":5: accommodations.0.breaks", "bind the wfm"),
    "a status that is none": ("[404, 405]", "[4040]", ":9: accommodations.0.shown-by", "found 4040"),
    "no status to be shown by": ("[404, 405]", "[]", ":9: accommodations.0.shown-by", "found none"),
    "a role that is none": ("role: wfm", "role: wmf", ":3: accommodations.0.role", "found 'wmf'"),
    "a role that its steps are not for": ("role: wfm", "role: device", ":5: accommodations.0.breaks", "device"),
    "a revision that nobody knows": (f"[{REVISION}]", "[1.0.0-rc.2]", ":4: accommodations.0.revisions", "nearest"),
    "an operation that is none": ("report-status", "report-state", ":12: accommodations.0.past.0.operation", "found"),
    "a step without a name": ("use: route\n        ", "", ":11: accommodations.0.past.0", "its name in `use`"),
    "a parameter twice": ("from: /deployments", "from: /{deploymentId}", ":13: accommodations.0.past.0.from", "once"),
    "a parameter that is none": ("from: /deployments", "from: /{1x}", ":13: accommodations.0.past.0.from", "{1x}"),
    "a parameter from nowhere": (
        "to: /deployments/{deploymentId}",
        "to: /{deviceId}",
        ":14: accommodations.0.past.0.to",
        "that `from` has",
    ),
    "a header with an end of line": (
        "use: route",
        'use: sent-header\n        name: X\n        value: "a\\r\\nb: c"',
        "past.0",
        "found",
    ),
    "a text where a list is due": ("[API-001]", "API-001", ":5: accommodations.0.breaks", "found 'API-001'"),
    "no YAML": ("past:", "past: [", "not valid YAML", "ours.yaml"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_with_a_file_is_told_with_its_place(what: str, tmp_path: Path) -> None:
    old, new, place, said = WRONG[what]
    file = tmp_path / "ours.yaml"
    file.write_text(EXAMPLE.replace(old, new, 1))
    with pytest.raises(UsageError) as refused:
        accommodations([str(file)], "wfm", REVISION)
    assert place in str(refused.value)
    assert said in str(refused.value)


def test_a_file_with_nothing_in_it_is_refused(tmp_path: Path) -> None:
    for text, said in (("", "NoneType"), ("[]", "list"), ("{}", "found none")):
        file = tmp_path / "ours.yaml"
        file.write_text(text)
        with pytest.raises(UsageError, match=said):
            accommodations([str(file)], "wfm", REVISION)
    with pytest.raises(UsageError, match="cannot be read"):
        accommodations([str(tmp_path / "none.yaml")], "wfm", REVISION)
