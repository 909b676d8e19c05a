"""What a supplier claims is held beside what a whole run saw: never silently taken for true, never missed."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from conformance.bench.comparing import Comparison, record_claims
from conformance.bench.ics import Ics, SubjectNames
from conformance.bench.recorder import Recorder
from conformance.catalogue import load
from conformance.checks.device.declared import PolicyShown, as_declared, policy_shown
from conformance.checks.evidence import Record
from conformance.checks.judging import judge
from conformance.checks.registry import Check, Judgement
from conformance.record.events import (
    Claim,
    Connection,
    Exchange,
    Finding,
    Header,
    Outcome,
    Role,
    ScenarioFinished,
    ScenarioOutcome,
    ScenarioStarted,
    Standing,
    Subject,
    _Event,
)
from conformance.record.file import EVENT_FILE, EventWriter, read
from conformance.record.redact import body
from conformance.record.run import Run

CAPABILITIES = b'{"properties": {"supportedDeploymentTypes": [%s], "supportedRuntimes": ["Docker"]}}'
STARTED: dict[str, Any] = {"feature": "f", "name": "s", "uri": "device/f.feature", "line": 1}


def statement(role: Role = "device", poll_interval: float | None = None, **said: Any) -> Ics:
    profile = {"device": "standalone", "wfm": "full"}[role]
    return Ics(
        role=role,
        subject=SubjectNames(name="pump"),
        profile=profile,
        **said,
        **({"poll-interval": poll_interval} if poll_interval else {}),
    )


def exchange(operation: str, at: float, **more: object) -> Exchange:
    values = {"scenario": 1, "seat": "client", "operation": operation, "method": "GET", "target": "/", "at": at}
    return Exchange.model_validate(values | {"status": 304} | more)


def capabilities(device: str = "pump-1", types: str = '"compose"', at: float = 1.0) -> Exchange:
    return exchange("report-capabilities", at, params={"deviceId": device}, request=body(CAPABILITIES % types.encode()))


def scenario(*parts: _Event, tags: tuple[str, ...] = (), role: Role = "device", number: int = 1) -> list[_Event]:
    begun = ScenarioStarted(scenario=number, role=role, tags=tags, **STARTED)
    return [begun, *parts, ScenarioFinished(scenario=number, outcome=ScenarioOutcome.PASSED)]


def found(outcome: Outcome, expected: str, said: str) -> Finding:
    return Finding(
        scenario=1, requirement="RB-06", check="c", outcome=outcome, message="m", expected=expected, found=said
    )


def compared(ics: Ics, events: Iterable[_Event], target: str = "0.0.0.0:8443") -> Mapping[tuple[str, str], Claim]:
    comparison = Comparison.of(ics, target)
    for number, event in enumerate(events):
        comparison.heard(event.model_copy(update={"n": number}))
    return {(claim.about, claim.name): claim for claim in comparison.claims(load(ics.revision))}


def test_what_is_claimed_and_seen_is_told_with_what_shows_it() -> None:
    claim = compared(statement(features=("compose",)), [capabilities()])["feature", "compose"]
    assert (claim.standing, claim.claimed, claim.seen, claim.shown_by) == (Standing.SEEN, "yes", "yes", (0,))
    assert "compose" in claim.evidence
    assert claim.advice is None


def test_a_claim_that_nothing_shows_is_never_seen() -> None:
    claims = compared(statement(features=("compose", "gateway-see-thru", "tls-1.2")), [capabilities()])
    for name in ("gateway-see-thru", "tls-1.2"):
        assert (claims["feature", name].standing, claims["feature", name].seen) == (Standing.NEVER_SEEN, None)
    nothing = compared(statement(policies={"retry": "fixed"}, limits={"apply": 90}, poll_interval=5), [])
    assert {claim.standing for claim in nothing.values()} == {Standing.NEVER_SEEN}
    assert {("policy", "retry"), ("limit", "apply"), ("poll-interval", "poll-interval")} < set(nothing)


def test_what_is_seen_but_not_claimed_is_named_with_what_to_add() -> None:
    claims = compared(statement(features=()), [capabilities(types='"helm"'), capabilities("pump-1/a", '"compose"')])
    wanting = {name for (_, name), claim in claims.items() if claim.standing is Standing.NOT_CLAIMED}
    assert wanting == {"hosting", "helm", "compose", "gateway-see-thru", "gateway-hosting"}
    assert "add `helm` to `features`" in (claims["feature", "helm"].advice or "")


def test_a_claim_that_is_shown_otherwise_is_contradicted() -> None:
    claim = compared(statement(features=("hosting", "helm")), [capabilities()])["feature", "helm"]
    assert (claim.standing, claim.seen) == (Standing.CONTRADICTED, "no")
    assert "`helm`" in (claim.advice or "")


def test_what_the_wire_cannot_tell_is_seen_by_a_scenario_that_was_made_for_it_and_passed() -> None:
    ics = statement(features=("capacity-check",))
    passed = compared(ics, scenario(tags=("feature:capacity-check",)))["feature", "capacity-check"]
    assert (passed.standing, passed.evidence) == (Standing.SEEN, "scenarios made for it: 1 passed")
    begun, ended = scenario(tags=("feature:capacity-check",))
    left_out = ended.model_copy(update={"outcome": ScenarioOutcome.NOT_RUN})
    assert compared(ics, [begun, left_out])["feature", "capacity-check"].standing is Standing.NEVER_SEEN


def test_a_wfm_is_compared_by_its_scenarios_and_not_by_those_of_a_device() -> None:
    ics = statement("wfm", features=("trust-retrieval", "application-registry"))
    tags = ("feature:trust-retrieval",)
    claims = compared(ics, [*scenario(tags=tags, role="wfm"), capabilities()])
    assert claims["feature", "trust-retrieval"].standing is Standing.SEEN
    assert claims["feature", "application-registry"].standing is Standing.NEVER_SEEN
    other = compared(ics, scenario(tags=tags, role="device"))
    assert other["feature", "trust-retrieval"].standing is Standing.NEVER_SEEN


@pytest.mark.parametrize(
    ("policies", "finding", "standing", "seen", "advice"),
    [
        ({"retry": "fixed"}, (Outcome.PASS, "as with retry: fixed", "1, 1"), Standing.SEEN, "fixed", ""),
        (
            {"retry": "fixed"},
            (Outcome.FAIL, "as with retry: fixed", "1, 2"),
            Standing.CONTRADICTED,
            "otherwise",
            "retry",
        ),
        ({"retry": "fixed"}, (Outcome.INCONCLUSIVE, "as with retry: fixed", "-"), Standing.NEVER_SEEN, None, ""),
        (
            {},
            (Outcome.OBSERVATION, "(no retry is declared)", "1, 2 (as with retry: backoff)"),
            Standing.NOT_CLAIMED,
            "backoff",
            "add `retry: backoff` to `policies`",
        ),
        (
            {},
            (Outcome.OBSERVATION, "(no retry is declared)", "x (as with retry: none of the known ones)"),
            Standing.NOT_CLAIMED,
            "none of the known values",
            "no known value",
        ),
    ],
)
def test_policies_are_compared_by_what_was_found_of_them(
    policies: Mapping[str, str], finding: tuple[Outcome, str, str], standing: Standing, seen: str | None, advice: str
) -> None:
    claim = compared(statement(policies=policies), scenario(found(*finding)))["policy", "retry"]
    assert (claim.standing, claim.seen) == (standing, seen)
    assert advice in (claim.advice or "")


def test_of_several_findings_only_what_fits_all_of_them_is_proposed() -> None:
    both = "x (as with retry: backoff, fixed)", "y (as with retry: fixed, give-up)"
    parts = [found(Outcome.OBSERVATION, "(no retry is declared)", said) for said in both]
    assert compared(statement(), scenario(*parts))["policy", "retry"].seen == "fixed"


@pytest.mark.parametrize("value", ["queue", "drop", None])
@pytest.mark.parametrize("fits", [{"queue": True, "drop": False}, {"queue": False, "drop": False}])
def test_what_is_said_of_a_policy_is_read_back(value: str | None, fits: Mapping[str, bool]) -> None:
    claims = {"policies": {"offline-status": value} if value else {}}

    def says(record: Record) -> Iterable[Judgement]:
        yield as_declared(record, "offline-status", fits, "three reports (of four)")

    check = Check("device.says", "device", ("RB-06",), says, "It says.")
    (finding,) = judge(check, Record("device", (), (), (), claims), load(), 1)
    shown = policy_shown(finding)
    assert shown is not None
    if value is None:
        assert shown == PolicyShown("offline-status", frozenset(name for name, fit in fits.items() if fit))
    else:
        assert shown.policy == "offline-status"
        assert (shown.broken is None) == fits[value]


def polls(*moments: float) -> list[_Event]:
    return [exchange("fetch-manifest", at) for at in moments]


@pytest.mark.parametrize(
    ("declared", "standing"),
    [(2.0, Standing.SEEN), (2.4, Standing.SEEN), (5.0, Standing.CONTRADICTED), (None, Standing.NOT_CLAIMED)],
)
def test_the_poll_interval_is_compared_with_the_usual_one(declared: float | None, standing: Standing) -> None:
    claims = compared(statement(poll_interval=declared), polls(1, 3, 5, 7, 9, 40))
    assert claims["poll-interval", "poll-interval"].standing is standing
    assert claims["poll-interval", "poll-interval"].seen == "2 s"
    assert ("poll-interval", "poll-interval") not in compared(statement(), polls(1, 3, 5, 7, 9), "simulated:x")


def test_polls_of_scenarios_that_run_at_once_are_not_mixed() -> None:
    one, other = polls(1, 3, 5, 7, 9), polls(1.1, 3.1, 5.1, 7.1, 9.1)
    second = [event.model_copy(update={"scenario": 2}) for event in other]
    mixed = [event for pair in zip(one, second, strict=True) for event in pair]
    assert compared(statement(), mixed)["poll-interval", "poll-interval"].seen == "2 s"


def test_a_limit_is_told_with_the_longest_time_that_was_measured() -> None:
    def status(state: str, at: float) -> Exchange:
        text = b'{"status": {"state": "%s"}}' % state.encode()
        return exchange("report-status", at, params={"deploymentId": "d-1"}, request=body(text), status=201)

    reports = [status("pending", 1.0), status("installing", 2.0), status("installed", 4.5), status("installed", 9.0)]
    claims = compared(statement(limits={"apply": 90, "connect": 20}), reports)
    assert (claims["limit", "apply"].standing, claims["limit", "apply"].seen) == (Standing.SEEN, "3.5 s")
    assert claims["limit", "connect"].standing is Standing.NEVER_SEEN


def test_claims_end_in_the_record_and_what_is_not_claimed_leaves_it_open(tmp_path: Path) -> None:
    file = tmp_path / EVENT_FILE
    ics = statement(features=("hosting", "helm"))
    comparison = Comparison.of(ics, "0.0.0.0:8443")
    writer = EventWriter(file)
    recorder = Recorder(writer, (comparison.heard,))
    subject = Subject(role="device", name="pump", target="0.0.0.0:8443", profile="standalone")
    recorder.append(Header(run="r", started="now", suite="1", revision="1.0.0-rc.3", subjects=(subject,)))
    for event in scenario(capabilities(), Connection(scenario=1, seat="client", outcome="established")):
        recorder.append(event)
    record_claims((comparison,), load(), recorder)
    recorder.close()
    run = Run.of(read(file))
    standings = {claim.name: claim.standing for claim in run.claims_of("device")}
    assert standings["hosting"] is Standing.SEEN
    assert standings["helm"] is Standing.CONTRADICTED
    assert standings["compose"] is Standing.NOT_CLAIMED
    (assessed,) = run.assessments
    (without,) = Run.of(event for event in read(file) if not isinstance(event, Claim)).assessments
    assert assessed.requirements == without.requirements, "claims are no verdicts"
    (added,) = set(assessed.reasons) - set(without.reasons)
    assert "seen but not claimed: compose" in added
    shown = next(claim for claim in run.claims if claim.name == "hosting").shown_by
    assert [event.operation for event in read(file) if event.n in shown] == ["report-capabilities"]  # type: ignore[union-attr]
