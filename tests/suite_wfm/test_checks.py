"""Checks of a WFM judge what was recorded, and nothing else; these records are made by hand."""

import json
from collections.abc import Mapping
from email.utils import formatdate
from typing import Any

import pytest

from conformance.bench.run import load_checks
from conformance.checks.evidence import Record
from conformance.checks.monitors import wfm_problems
from conformance.checks.registry import Check, Judgement, Seen
from conformance.checks.wfm import errors, identity
from conformance.checks.wfm.judged import NAMESPACE, PROBLEM_TYPE
from conformance.record.events import Body, Connection, Exchange, Fact, TlsFacts

load_checks()
ENDS = 1_800_000_000.0
"""When the brief certificate ends, seconds since 1970."""
BRIEF, GOOD = "spiffe://margo.test/margo/wfm/w/client/brief", "spiffe://margo.test/margo/wfm/w/client/a"
BAD_REFS = {"exchanges": (5,), "before": (2,), "after": (7,)}
AGREEMENT = ("PT-002", "ERR-012")
TIMEOUT = "no complete answer within 5 s"


def exchange(n: int, status: int | None, **more: Any) -> Exchange:
    given: dict[str, Any] = {"at": float(n), "finished": n + 0.5, "method": "GET", "target": "/api/v1/deployments"}
    given |= {"operation": "fetch-manifest", "scenario": 1, "seat": "server"}
    return Exchange(n=n, status=status, **(given | more))


def problem(n: int, status: int, kind: str, **more: Any) -> Exchange:
    text = json.dumps({"type": kind, "title": "t", "status": status, "retryable": False})
    headers = (("Content-Type", PROBLEM_TYPE),)
    return exchange(n, status, response=Body(size=len(text), text=text), response_headers=headers, **more)


def fact(n: int, kind: str, refs: Mapping[str, tuple[int, ...]] | None = None, **data: Any) -> Fact:
    return Fact(n=n, at=float(n), scenario=1, kind=kind, data=data, refs=refs or {})


def refusal(at: float, name: str, by: str = "by the WFM") -> Connection:
    return Connection(n=90, at=at, scenario=1, seat="server", outcome="refused", reason=f"{by}: alert", offered=name)


def judged(check: Check, record: Record, *names: str) -> list[Judgement]:
    """Give what a check says, of some statements only if they are named."""
    return [item for item in check(record) if not names or set(item.requirements or check.requirements) & set(names)]


def seen(check: Check, record: Record, *names: str) -> set[Seen]:
    return {item.seen for item in judged(check, record, *names)}


# --- problems -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "by_condition", "in_namespace"),
    [
        (problem(1, 400, "about:blank"), set(), {Seen.KEPT}),
        (problem(1, 400, "about:blank", request=Body(size=1, text="{")), {Seen.BROKEN}, {Seen.KEPT}),
        (problem(1, 400, f"{NAMESPACE}#invalid-request", request=Body(size=1, text="{")), {Seen.KEPT}, {Seen.KEPT}),
        (problem(1, 403, f"{NAMESPACE}#not-authorized"), {Seen.KEPT}, {Seen.KEPT}),
        (problem(1, 403, f"{NAMESPACE}#wfm-client-relationship-retired"), {Seen.NOTED}, set()),
        (problem(1, 404, f"{NAMESPACE}#wfm-client-relationship-retired"), set(), {Seen.BROKEN}),
        (problem(1, 403, "about:blank"), {Seen.BROKEN}, {Seen.KEPT}),
        (problem(1, 406, f"{NAMESPACE}#no-such-type"), {Seen.BROKEN}, {Seen.BROKEN}),
    ],
)
def test_check_and_monitor_judge_the_type_of_a_problem_alike(
    item: Exchange, by_condition: set[Seen], in_namespace: set[Seen]
) -> None:
    record = Record("wfm", (item,))
    always = wfm_problems.conditions_that_are_defined_have_their_registered_type
    assert seen(always, record) == by_condition
    assert seen(errors.problems_are_consistent, record, *AGREEMENT) - {Seen.UNSEEN} == by_condition
    assert seen(wfm_problems.the_namespace_is_kept_for_registered_types, record) == in_namespace


# --- the end of a certificate -------------------------------------------------------------------------------------


def expiry(after: Exchange, *connections: Connection, told: float | None = ENDS - 1, other: int | None = 200) -> Record:
    """Record a client served at 1 s, its certificate's end at about 2.5 s, a request at 5 s, and another client."""
    headers = (("Date", formatdate(told, usegmt=True)),) if told is not None else ()
    before = exchange(1, 200, client=BRIEF, response_headers=headers)
    facts = (
        fact(1, "client", name="A", identity=GOOD),
        fact(6, "expired-meanwhile", {"before": (1,), "after": (5,)}, client=BRIEF, name="brief", ends=ENDS),
    )
    return Record("wfm", (before, after, exchange(7, other, client=GOOD)), connections, facts)


def after(status: int | None, error: str | None = None) -> Exchange:
    return exchange(5, status, client=BRIEF, error=error)


@pytest.mark.parametrize(
    ("record", "wanted"),
    [
        (expiry(after(None, "closed"), refusal(5.2, "brief")), {Seen.KEPT}),
        (expiry(after(401)), {Seen.KEPT}),
        (expiry(after(403)), {Seen.KEPT}),
        (expiry(after(200)), {Seen.NOTED}),
        (expiry(after(500)), {Seen.UNSEEN}),
        (expiry(after(503)), {Seen.UNSEEN}),
        (expiry(after(None, TIMEOUT)), {Seen.UNSEEN}),
        (expiry(after(None, "closed"), refusal(5.2, "somebody else")), {Seen.UNSEEN}),
        (expiry(after(None, "closed"), refusal(0.5, "brief")), {Seen.UNSEEN}),
        (expiry(after(None, "closed"), refusal(5.2, "brief", "by the probe")), {Seen.UNSEEN}),
        # too early by the WFM's clock, or nobody knows
        (expiry(after(403), told=ENDS - 3), {Seen.UNSEEN}),
        (expiry(after(200), told=ENDS - 3), {Seen.UNSEEN}),
        (expiry(after(403), told=None), {Seen.UNSEEN}),
        # another client that is not served is a breach; one that got no answer says nothing
        (expiry(after(403), other=403), {Seen.KEPT, Seen.BROKEN}),
        (expiry(after(403), other=None), {Seen.KEPT, Seen.UNSEEN}),
    ],
)
def test_only_a_refusal_ends_a_connection_with_its_certificate(record: Record, wanted: set[Seen]) -> None:
    assert seen(identity.connections_end_with_their_certificate, record) == wanted


@pytest.mark.parametrize(
    ("item", "connections", "wanted"),
    [
        (after(None, "closed"), (refusal(5.2, "brief"),), {Seen.KEPT}),
        (after(401), (), {Seen.KEPT}),
        (after(200), (), {Seen.BROKEN}),
        (after(500), (), {Seen.UNSEEN}),
        (after(None, TIMEOUT), (), {Seen.UNSEEN}),
    ],
)
def test_only_a_refusal_ends_a_resumed_session(
    item: Exchange, connections: tuple[Connection, ...], wanted: set[Seen]
) -> None:
    record = Record("wfm", (item,), connections, (fact(6, "resumed", {"exchange": (5,)}, offered=True, name="brief"),))
    assert seen(identity.resumption_does_not_prolong, record) == wanted


# --- older versions of TLS ----------------------------------------------------------------------------------------

STRONG, WEAK = TlsFacts(cipher="ECDHE-ECDSA-AES128-GCM-SHA256"), TlsFacts(cipher="AES128-SHA")


@pytest.mark.parametrize(
    ("item", "connections", "wanted"),
    [
        (exchange(5, None, error="alert"), (refusal(5.2, "old"),), Seen.KEPT),
        (exchange(5, None, error=TIMEOUT), (), Seen.UNSEEN),
        (exchange(5, None, error="alert"), (refusal(5.2, "old", "by the probe"),), Seen.UNSEEN),
        (exchange(5, 200, tls=STRONG), (), Seen.KEPT),
        (exchange(5, 200, tls=WEAK), (), Seen.BROKEN),
    ],
)
def test_falling_back_is_judged_by_who_refused(
    item: Exchange, connections: tuple[Connection, ...], wanted: Seen
) -> None:
    facts = (fact(6, "older-tls-offered", {"exchange": (5,)}, name="old", offer="1.2 only"),)
    found = identity.falling_back_is_noted(Record("wfm", (item,), connections, facts))
    assert found[0].seen is wanted


# --- good clients beside bad ones ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("client", "wanted"), [(GOOD, {Seen.KEPT}), (BRIEF, {Seen.KEPT, Seen.UNSEEN})])
def test_good_clients_are_those_of_the_scenario(client: str, wanted: set[Seen]) -> None:
    facts = (
        fact(1, "client", name="A", identity=GOOD),
        fact(6, "bad-certificate", BAD_REFS, name="bad", defect="expired", clause="ID-25"),
    )
    items = (exchange(2, 200, client=client), exchange(5, 401), exchange(7, 200, client=client))
    found = seen(identity.bad_certificates_are_turned_away, Record("wfm", items, (), facts))
    assert found - {Seen.NOTED} == wanted
