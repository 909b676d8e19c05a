"""Documents: extensions, patterns, states, problems and operations."""

from itertools import product
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.constraints import MatchExpression
from simulator.protocol.deployment import ApplicationDeployment, parse_deployment
from simulator.protocol.documents import DocumentError, dump_yaml, extensions_of
from simulator.protocol.ids import parent_of, semver_of, timeout_seconds
from simulator.protocol.operations import capabilities_path, manifest_path, recognise, status_path
from simulator.protocol.problem import Problem, ProblemType, parse_problem
from simulator.protocol.status import SEVERITY, State, overall
from tests.wfm.support import capabilities, deployment

EXTENSION_NAMES = st.from_regex(r"x-[a-z][a-z0-9-]{0,10}-extensions", fullmatch=True)


def document() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(deployment())
    return found


@given(EXTENSION_NAMES, st.dictionaries(st.text(max_size=5), st.integers(), max_size=3))
def test_extensions_are_kept_wherever_they_may_stand(name: str, value: dict[str, int]) -> None:
    wire = document()
    profile = wire["spec"]["deploymentProfile"]
    for place in (wire["spec"], profile, profile["components"][0]):
        place[name] = value
    parsed = ApplicationDeployment.from_wire(wire)
    assert extensions_of(parsed.spec) == {name: value}
    assert parsed.to_wire() == wire
    reported = DeviceCapabilities.from_wire({**capabilities("d"), name: value})
    assert extensions_of(reported) == {name: value}


@pytest.mark.parametrize("name", ["x-acme-extensions", "x-a1-b-extensions"])
@pytest.mark.parametrize("value", ["text", 1, None, [], True])
def test_an_extension_is_an_object(name: str, value: object) -> None:
    wire = document()
    wire["spec"][name] = value
    with pytest.raises(DocumentError, match="must be an object"):
        ApplicationDeployment.from_wire(wire)
    with pytest.raises(DocumentError, match="must be an object"):
        DeviceCapabilities.from_wire({**capabilities("d"), name: value})


@pytest.mark.parametrize("name", ["x-Acme-extensions", "x-1a-extensions", "x--extensions", "X-a-extensions", "kind"])
def test_other_members_at_the_root_of_capabilities_are_refused(name: str) -> None:
    with pytest.raises(DocumentError, match="only properties, labels"):
        DeviceCapabilities.from_wire({**capabilities("d"), name: {}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("id",), "no-uuid"),
        (("metadata", "deviceId"), "gw//a"),
        (("metadata", "deviceId"), "gw/*/a"),
        (("spec", "applicationId"), "Upper"),
        (("spec", "applicationId"), "x" * 201),
        (("spec", "deploymentProfile", "type"), "custom"),
        (("spec", "deploymentProfile", "components"), []),
        (("spec", "deploymentProfile", "components", 0, "properties", "repository"), "https://r/a"),
        (("spec", "deploymentProfile", "components", 0, "properties", "revision"), "v1.0.0"),
        (("spec", "deploymentProfile", "components", 0, "properties", "revision"), "1.0.0+5"),
        (("spec", "deploymentProfile", "components", 0, "properties", "revision"), "1.0"),
        (("spec", "deploymentProfile", "components", 0, "properties", "timeout"), "5m"),
        (("spec", "deploymentProfile", "components", 0, "properties", "wait"), "true"),
    ],
)
def test_a_wrong_member_is_named(path: tuple[Any, ...], value: object) -> None:
    wire = document()
    place: Any = wire
    for part in path[:-1]:
        place = place[part]
    place[path[-1]] = value
    with pytest.raises(DocumentError) as caught:
        parse_deployment(dump_yaml(wire))
    assert caught.value.field == ".".join(map(str, path))
    assert caught.value.well_formed


@pytest.mark.parametrize("target", ["gw/*", "gw", "a.b_c~d-e/f"])
def test_targets(target: str) -> None:
    assert parse_deployment(deployment(device_id=target)).metadata.device_id == target


def test_the_overall_state_is_the_most_severe_one() -> None:
    for states in product(State, repeat=3):
        found = overall(states)
        assert found in states
        assert all(SEVERITY.index(found) <= SEVERITY.index(state) for state in states)
    assert sorted(SEVERITY) == sorted(State)
    assert overall([]) is State.PENDING


@pytest.mark.parametrize(
    ("wire", "fine"),
    [
        ({"operator": "In", "values": ["a"]}, True),
        ({"operator": "In"}, False),
        ({"operator": "In", "values": []}, False),
        ({"operator": "Exists"}, True),
        ({"operator": "Exists", "values": ["a"]}, False),
        ({"operator": "Gt", "values": [1]}, True),
        ({"operator": "Gt", "values": [1, 2]}, False),
        ({"operator": "ContainsAny", "values": ["a"]}, False),
        ({"operator": "ContainsAny", "itemSelector": {"matchExpressions": []}}, False),
        ({"operator": "ContainsAny", "itemSelector": {"matchExpressions": [{"key": "t", "operator": "Exists"}]}}, True),
        ({"operator": "in", "values": ["a"]}, False),
    ],
)
def test_operators_and_their_members(wire: dict[str, Any], fine: bool) -> None:
    assert (not MatchExpression.problems({"key": "k", **wire})) is fine


def test_small_conversions() -> None:
    assert semver_of("1.0.0_build.5") == "1.0.0+build.5"
    assert timeout_seconds("8m30s") == 510
    assert (parent_of("gw/a/b"), parent_of("gw")) == ("gw/a", None)


@pytest.mark.parametrize(("kind", "status"), [(ProblemType.BLANK, code) for code in (404, 409, 429, 500, 501, 503)])
def test_problems_follow_the_retry_table(kind: ProblemType, status: int) -> None:
    problem = Problem.of(kind, "why", status=status, retry_after_s=3)
    read = parse_problem(problem.to_bytes())
    assert read == problem
    transient = status in (429, 500, 503)
    assert problem.retryable is transient
    assert problem.backoff_strategy == ("exponential" if transient else "none")
    assert problem.retry_after_seconds == (3 if transient else None)


@given(st.binary(max_size=80))
def test_no_bytes_break_a_client_that_reads_a_problem(data: bytes) -> None:
    parse_problem(data)
    parse_problem(b'{"type":' + data + b"}")


IDS = st.from_regex(r"[A-Za-z0-9._~-]{1,8}(/[A-Za-z0-9._~-]{1,8}){0,2}", fullmatch=True)


@given(IDS)
def test_paths_are_recognised_as_what_they_were_made_for(name: str) -> None:
    for method, operation in (("PUT", "report-capabilities"), ("DELETE", "withdraw-capabilities")):
        call = recognise(method, capabilities_path(name))
        assert (call.operation, call.params) == (operation, {"deviceId": name})
    assert recognise("PUT", capabilities_path(name.replace("/", "%2F"))).params == {"deviceId": name}
    assert recognise("GET", manifest_path() + "?x=" + name).operation == "fetch-manifest"
    assert recognise("POST", status_path("d")).params == {"deploymentId": "d"}
    assert recognise("GET", capabilities_path(name)).operation == "unknown"
