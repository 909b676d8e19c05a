"""The shipped data itself: complete, unambiguous, and without dead references."""

import re
from collections import Counter

import pytest

from conformance.catalogue import DEFAULT_REVISION, Catalogue, UnknownFeature, load, revisions

COUNTS = {"1.0.0-rc.3": 445, "1.0.0-rc.2-signed": 211, "2024-10": 96}
REGISTERS = {"1.0.0-rc.3": 80, "1.0.0-rc.2-signed": 56, "2024-10": 20}


@pytest.fixture(params=revisions())
def catalogue(request: pytest.FixtureRequest) -> Catalogue:
    return load(request.param)


def test_the_default_revision_is_the_newest() -> None:
    assert revisions()[0] == DEFAULT_REVISION == load().revision
    assert set(revisions()) == set(COUNTS)


def test_no_statement_is_lost(catalogue: Catalogue) -> None:
    assert len(catalogue.requirements) == COUNTS[catalogue.revision]
    assert len(catalogue.interpretations) == REGISTERS[catalogue.revision]
    assert len(catalogue.behaviours) == 57


def test_ids_are_unique_across_every_kind_of_entry(catalogue: Catalogue) -> None:
    ids = Counter(item.id for item in catalogue.requirements)
    ids.update(item.id for item in catalogue.behaviours)
    ids.update(item.id for item in catalogue.interpretations)
    assert [name for name, times in ids.items() if times > 1] == []


def test_ids_that_differ_only_in_a_zero_are_different_statements() -> None:
    assert load().requirement("EXT-01").statement != load().requirement("EXT-001").statement


def test_severity_follows_the_keyword(catalogue: Catalogue) -> None:
    for item in catalogue.requirements:
        keyword = item.level.split(" ")[0].rstrip("*").upper()
        possible = {
            "MUST": {"must"},
            "SHALL": {"must"},
            "REQUIRED": {"must"},
            "DESC": {"must"},
            "SHOULD": {"should"},
            "RECOMMENDED": {"should"},
            # a compound such as MAY / MUST takes the stronger of its words
            "MAY": {"must", "should"} if "/" in item.level else {"may"},
            "INFO": {"info"},
        }[keyword]
        assert item.severity in possible, item


def test_every_statement_says_where_it_stands(catalogue: Catalogue) -> None:
    for item in catalogue.requirements:
        assert re.search(r"\u203a|OpenAPI|concept page|\.md|^[a-z]+(-[a-z]+)+$", item.source), item


def test_text_is_clean(catalogue: Catalogue) -> None:
    for item in catalogue.requirements:
        for text in (item.statement, item.source, item.how, item.not_tested or ""):
            assert "\ufffd" not in text, item
            assert "  " not in text, item
            assert text.count("`") % 2 == 0, item
            assert text.count("**") % 2 == 0, item


def test_a_reason_not_to_test_is_given_only_where_testing_was_due(catalogue: Catalogue) -> None:
    for item in catalogue.requirements:
        if item.not_tested:
            assert item.observable_from_outside, item
            assert {"device", "wfm"} & set(item.binds), item
            assert not item.testable
            assert len(item.not_tested) > 40, "a reason, not a label"


def test_a_reason_of_one_role_is_for_a_role_that_the_statement_binds(catalogue: Catalogue) -> None:
    told = [item for item in catalogue.requirements if item.untested_on]
    assert told or catalogue.revision != "1.0.0-rc.3"
    for item in told:
        assert set(item.untested_on) <= set(item.binds)
        assert item.testable, "it still counts as not covered"
        assert all(len(text) > 40 for text in item.untested_on.values()), "a reason, not a label"


def test_reasons_not_to_test_stay_the_exception(catalogue: Catalogue) -> None:
    excused = [item.id for item in catalogue.requirements if item.not_tested]
    assert len(excused) <= len(catalogue.requirements) * 0.04


def test_equivalence_is_symmetric_and_among_statements_that_bind_a_common_role(catalogue: Catalogue) -> None:
    for item in catalogue.requirements:
        group = {item.id, *item.same_as}
        for other in map(catalogue.requirement, item.same_as):
            assert {other.id, *other.same_as} == group
            assert other.id != item.id
            assert set(item.binds) & set(other.binds), (item.id, other.id)
        assert catalogue.also_judges(item.id) == item.same_as


def test_a_whole_and_its_parts_know_each_other(catalogue: Catalogue) -> None:
    for item in catalogue.requirements:
        for part in item.parts:
            assert item.id in catalogue.requirement(part).part_of
            assert part not in item.same_as, "a part is less than the whole"
        for whole in item.part_of:
            assert item.id in catalogue.requirement(whole).parts


def test_the_known_repetitions_are_linked() -> None:
    catalogue = load()
    for one, other in [("DEP-02", "AD-024"), ("GW-02", "DC-034"), ("DS-029", "DS-053"), ("DS-030", "DS-054")]:
        assert other in catalogue.requirement(one).same_as
    assert catalogue.requirement("PRB-07").parts == ("RTY-006", "RTY-007", "RTY-008", "RTY-009")
    assert "SEC-004" in catalogue.requirement("ID-48").parts
    assert "EXT-001" in catalogue.requirement("EXT-01").parts


def test_a_gateway_statement_keeps_its_role_and_its_qualifier() -> None:
    item = load().requirement("DC-033")
    assert item.binds == ("device",)
    assert item.gateway
    assert not load().requirement("DC-001").gateway


@pytest.mark.parametrize(
    ("requirement", "roles"),
    [
        ("VER-003", ("device", "wfm")),
        ("APP-01", ("device", "wfm")),
        ("SEL-06", ("device", "wfm")),
        ("SEL-08", ("device", "wfm")),
        ("ID-40", ("wfm",)),
        ("VER-006", ("toolkit",)),
        ("REG-02", ("wfm", "application")),
        ("ID-01", ("identity-service", "operator")),
    ],
)
def test_wordings_of_who_is_bound_became_roles(requirement: str, roles: tuple[str, ...]) -> None:
    assert load().requirement(requirement).binds == roles
    for role in roles:
        assert requirement in {item.id for item in load().for_role(role)}


def test_behaviours_rest_on_statements_of_the_revision(catalogue: Catalogue) -> None:
    for behaviour in catalogue.behaviours:
        assert all(ref in catalogue for ref in behaviour.see)
        assert behaviour.basis != "normative" or behaviour.see
        for values in behaviour.policy.values():
            assert len(values) == len(set(values)) > 0
        with pytest.raises(TypeError):
            behaviour.policy["retry"] = ()  # type: ignore[index]


def test_no_reference_of_a_behaviour_is_unknown_everywhere() -> None:
    """Every id the shared file names exists in the newest revision: filtering hides nothing there."""
    catalogue = load()
    assert {ref for b in catalogue.behaviours_of("DS-069") for ref in b.see} >= {"DS-069", "DS-075"}
    normative = [b for b in catalogue.behaviours if b.basis == "normative"]
    assert len(normative) > 25
    older = {b.id: b.basis for b in load("2024-10").behaviours}
    assert older[normative[0].id] == "undefined", "nothing of that behaviour is demanded by the oldest revision"


def test_readings_are_found_from_the_statements_they_touch() -> None:
    catalogue = load()
    assert [i.id for i in catalogue.interpretations_of("ST-008")] == ["AMB-X-01"]
    assert {"AMB-C-14", "A-16"} <= {i.id for i in catalogue.interpretations_of("DEP-02")}
    assert catalogue.interpretations_of("DC-001") == ()
    [reading] = (i for i in catalogue.interpretations if i.id == "AMB-X-01")
    assert reading.upstream == ("margo/sandbox#212",)


def test_shared_readings_stand_in_both_revisions_that_share_the_text() -> None:
    shared = [{i.id for i in load(r).interpretations if i.id.startswith("AMB-X")} for r in revisions()[:2]]
    assert shared[0] == shared[1]
    assert len(shared[0]) == 34


def test_statements_only_some_gateways_have_to_meet_belong_to_a_feature(catalogue: Catalogue) -> None:
    of_features = {ref for feature in catalogue.features("device") for ref in feature.requirements}
    assert {item.id for item in catalogue.requirements if item.gateway} <= of_features


def test_features_name_only_statements_that_bind_their_role(catalogue: Catalogue) -> None:
    for role in ("device", "wfm", "identity-service"):
        for feature in catalogue.features(role):
            assert all(role in catalogue.requirement(ref).binds for ref in feature.requirements), feature


def test_a_profile_demands_every_must_except_those_of_unclaimed_features(catalogue: Catalogue) -> None:
    for role in ("device", "wfm", "identity-service"):
        for profile in catalogue.profiles(role):
            unclaimed = {r for f in catalogue.features(role) if f.name not in profile.claims for r in f.requirements}
            expected = {i.id for i in catalogue.for_role(role) if i.severity == "must"} - unclaimed
            assert set(profile.mandatory) == expected
            held = {i.id for i in catalogue.applicable(role, profile.claims)}
            assert expected <= held
            assert not held & unclaimed


def test_claiming_more_never_demands_less(catalogue: Catalogue) -> None:
    for role in ("device", "wfm"):
        claims: list[str] = []
        before = {item.id for item in catalogue.applicable(role, claims)}
        for feature in catalogue.features(role):
            claims.append(feature.name)
            now = {item.id for item in catalogue.applicable(role, claims)}
            assert before <= now
            before = now


def test_the_device_profiles_differ_where_gateways_differ() -> None:
    catalogue = load()
    standalone, gateway = catalogue.profile("device", "standalone"), catalogue.profile("device", "gateway")
    assert "DC-013" in standalone.mandatory
    assert "DC-033" not in standalone.mandatory
    assert {"DC-033", "DC-018", "AD-007"} <= set(gateway.mandatory)
    assert not {"DC-013", "DC-035"} & set(gateway.mandatory)
    assert "SEL-02" not in catalogue.profile("wfm", "full").mandatory


def test_a_claim_nobody_knows_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownFeature, match="gateway-see-thru"):
        load().applicable("device", ["gateway-see-through"])


def test_problem_types_of_the_registry() -> None:
    types = load().problem_types
    base = "https://docs.margo.org/specification/problem-types#"
    assert {uri.removeprefix(base): entry.status for uri, entry in types.items()} == {
        "invalid-request": 400,
        "not-authorized": 403,
        "gateway-not-found": 404,
        "device-not-found": 404,
        "deployment-not-found": 404,
        "invalid-bundle": 404,
        "server-cannot-generate-response": 406,
        "semantic-error": 422,
        "discovery-document-not-found": 404,
        "spiffe-bundle-not-found": 404,
    }
    assert {entry.area for entry in types.values()} == {"management", "trust-bundle"}
    assert load("2024-10").problem_types == {}
