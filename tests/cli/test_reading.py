import json

import pytest

from conformance.bench.coverage import is_observable_must
from conformance.bench.scenarios import Selection, scenarios
from conformance.catalogue import load, revisions
from conformance.cli.running import Filters
from conformance.record.events import Role
from tests.cli.commands import assert_refused, call


def test_list_revisions_marks_the_default() -> None:
    ended = call("list", "revisions", "--json")
    assert ended.code == 0
    rows = json.loads(ended.out)["revisions"]
    assert [row["name"] for row in rows] == list(revisions())
    assert [row["name"] for row in rows if row["default"]] == ["1.0.0-rc.3"]


def test_list_requirements_of_a_role_are_those_that_bind_it() -> None:
    rows = json.loads(call("list", "requirements", "--role", "wfm", "--json").out)["requirements"]
    assert [row["id"] for row in rows] == [item.id for item in load().for_role("wfm")]


def test_list_requirements_follows_the_revision() -> None:
    ended = call("list", "requirements", "--revision", "2024-10", "--json")
    assert json.loads(ended.out)["revision"] == "2024-10"
    assert len(json.loads(ended.out)["requirements"]) < len(load().requirements)


def test_list_behaviours_shows_their_policies() -> None:
    rows = {row["id"]: row for row in json.loads(call("list", "behaviours", "--json").out)["behaviours"]}
    assert rows["FB-03"]["policy"] == {"retry": ["backoff", "fixed", "give-up"]}


@pytest.mark.parametrize("role", ["device", "wfm"])
def test_every_listed_mutant_breaks_a_known_requirement(role: str) -> None:
    rows = json.loads(call("list", "mutants", "--role", role, "--json").out)["mutants"]
    assert rows
    catalogue = load()
    known = {row["breaks"] for row in rows if row["breaks"] in catalogue or catalogue.behaviour(row["breaks"])}
    assert known == {row["breaks"] for row in rows}


def test_lists_as_tables_name_what_is_in_them() -> None:
    told = call("list", "requirements").out
    line = next(line for line in told.splitlines() if line.startswith("DS-069"))
    assert line.rstrip().endswith(load().requirement("DS-069").statement), "one line for each, fit to be searched"
    assert f"{len(load().requirements)} requirements in revision 1.0.0-rc.3" in told


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (("list", "scenarois"), "unknown-list", "scenarios"),
        (("list", "--role", "devise"), "unknown-role", "device"),
        (("list", "--revision", "1.0.0-rc3"), "unknown-revision", "1.0.0-rc.3"),
        (("coverage", "--role", "fwm"), "unknown-role", "wfm"),
        (("coverage", "--revision", "2024"), "unknown-revision", "2024-10"),
        (("explain", "DS-69"), "unknown-id", "DS-069"),
        (("explain", "AMB-X-99"), "unknown-id", "AMB-X-"),
        (("explain", "accepts-equl-version"), "unknown-id", "accepts-equal-version"),
        (("explain", "sandbox-era-x"), "unknown-id", "did you mean sandbox-era-"),
    ],
)
def test_a_wrong_name_gets_the_nearest(arguments: tuple[str, ...], code: str, word: str) -> None:
    assert_refused(call(*arguments), code, word)


def test_explain_a_broken_variant() -> None:
    told = " ".join(call("explain", "accepts-equal-version").out.split())
    assert load().requirement("DS-069").statement in told
    assert "margo-conformance run device --target simulated:accepts-equal-version --req DS-069" in told
    assert "margo-conformance selftest device --mutant accepts-equal-version" in told
    of_a_behaviour = " ".join(call("explain", "forgets-unfinished-work").out.split())
    assert "--tag behaviour:RB-03" in of_a_behaviour
    other = " ".join(call("explain", "any-clients-key", "--revision", "1.0.0-rc.2-signed").out.split())
    assert "--revision 1.0.0-rc.2-signed" in other


@pytest.mark.parametrize("name", ["DS-069", "ds-069", " Ds-069 "])
def test_explain_a_requirement_in_any_case(name: str) -> None:
    told = " ".join(call("explain", name).out.split())
    assert "MUST" in told
    assert load().requirement("DS-069").source in told
    assert "accepts-older-version" in told, "the mutants that break it"
    assert "AMB-X-12" in told, "how it is read"
    assert "RB-04" in told, "behaviours that rest on it"


def test_explain_a_behaviour_with_its_policy() -> None:
    told = " ".join(call("explain", "FB-03").out.split())
    assert "retry: backoff (default), fixed, give-up" in told
    assert "factory-reset" in told


def test_explain_an_interpretation_with_its_reading() -> None:
    told = " ".join(call("explain", "AMB-X-01").out.split())
    assert "margo/sandbox#212" in told
    assert "ST-008" in told


def test_explain_tells_which_checks_depend_on_a_reading() -> None:
    told = " ".join(call("explain", "AMB-X-11").out.split())
    assert "why" in told
    assert "wfm.addresses_are_resolved_in_one_way" in told
    assert "no check" not in told
    assert "no check" in " ".join(call("explain", "A-26").out.split())
    assert "AMB-X-11: " in call("explain", "DS-027").out


def test_explain_tells_the_revision_that_has_it() -> None:
    known = {item.id for item in load().requirements}
    other = next(item.id for item in load("2024-10").requirements if item.id not in known)
    ended = call("explain", other)
    assert ended.code == 2
    assert "--revision" in ended.err
    assert call("explain", other, "--revision", "2024-10").code == 0


@pytest.mark.parametrize("role", ["device", "wfm"])
def test_coverage_as_json_has_exactly_the_promised_shape(role: Role) -> None:
    ended = call("coverage", "--role", role, "--json")
    assert ended.code == 0
    assert ended.err == ""
    told = json.loads(ended.out)
    assert set(told) == {"revision", "role", "observable_musts", "exercised_musts", "set_aside_musts", "statements"}
    assert (told["revision"], told["role"]) == ("1.0.0-rc.3", role)
    bound = load().for_role(role)
    assert [item["id"] for item in told["statements"]] == [item.id for item in bound]
    assert all(set(item) == {"id", "severity", "observable", "checks", "reason"} for item in told["statements"])
    musts = [item for item in told["statements"] if item["severity"] == "must" and item["observable"]]
    assert told["observable_musts"] == len(musts) == sum(is_observable_must(item) for item in bound)
    assert told["exercised_musts"] == sum(bool(item["checks"]) for item in musts)
    aside = [item for item in bound if item.severity == "must" and item.observable_from_outside and item.not_tested]
    assert told["set_aside_musts"] == len(aside)
    assert all(bool(item["checks"]) != bool(item["reason"]) for item in told["statements"]), "held, or a reason why not"


def test_coverage_as_table_adds_up() -> None:
    told = call("coverage", "--role", "wfm").out
    document = json.loads(call("coverage", "--role", "wfm", "--json").out)
    total = next(line for line in told.splitlines() if line.startswith("total"))
    assert f"{document['exercised_musts']}/{document['observable_musts']}" in total


def test_coverage_of_open_statements_names_each() -> None:
    document = json.loads(call("coverage", "--json").out)
    missing = [
        item["id"]
        for item in document["statements"]
        if item["severity"] == "must" and item["observable"] and not item["checks"]
    ]
    missing += [item.id for item in load().for_role("device") if item.severity == "must" and item.not_tested]
    assert missing
    told = call("coverage", "--open").out
    assert [name for name in missing if name not in told] == []


def test_texts_widen_one_another() -> None:
    chosen = Filters.of(None, None, ["gateway", "power that is lost"], failed=False)
    selection = Selection(chosen.requirements, chosen.tags, chosen.texts)
    found = [item for item in scenarios("device") if selection.takes(item)]
    assert {"gateway" in f"{item.feature} {item.name}".lower() for item in found} == {True, False}
    assert all(any(text in f"{item.feature} {item.name}".lower() for text in chosen.texts) for item in found)
