"""What does not exist is not found, and every kind of error is told in the same consistent way."""

from collections.abc import Iterator

from conformance.checks.evidence import Record, problem_of
from conformance.checks.monitors.wfm_problems import TRANSIENT, errors_of, registered_type, type_by_condition
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.history import refusals
from conformance.checks.wfm.judged import BLANK, NAMESPACE, PROBLEM_TYPE, expect, media_type, unseen

CONTENT = ("fetch-deployment", "fetch-bundle")


@check("DS-034", "ERR-007", "PT-001", role="wfm")
def missing_content_is_not_found(record: Record) -> Iterator[Judgement]:
    """An address without content of exactly that digest is a 404 of the registered type."""
    yield from refusals(record, *CONTENT)


@check("DS-033", "DS-048", role="wfm")
def no_digest_names_no_content(record: Record) -> Iterator[Judgement]:
    """What is no digest names no content."""
    yield from refusals(record, *CONTENT, "fetch-manifest")


@check("PT-012", "PRB-02", "ERR-001", "ERR-002", role="wfm", interpretations=("AMB-C-02",))
def other_requests_are_plain_problems(record: Record) -> Iterator[Judgement]:
    """A request that is not of the interface is refused with a problem of the type `about:blank`."""
    yield from refusals(record, "fetch-manifest")
    for item in errors_of(record):
        kind = problem_of(item).get("type", BLANK)
        yield expect(
            media_type(item) == PROBLEM_TYPE, PROBLEM_TYPE, media_type(item), item, only=["ERR-001", "ERR-002"]
        )
        if registered_type(item) is None:
            right = not str(kind).startswith(NAMESPACE)
            yield expect(right, "about:blank, or a type of the supplier", kind, item, only=["PT-012", "PRB-02"])


@check("ERR-006", "PT-002", "RTY-005", "ERR-012", role="wfm")
def problems_are_consistent(record: Record) -> Iterator[Judgement]:
    """Status, type and retry members of a problem agree with one another and with the answer."""
    wanted = {400, 404, 406, 422}
    seen = {item.status for item in errors_of(record)}
    if not wanted <= seen:
        yield unseen("errors of every kind", f"only {sorted(status or 0 for status in seen)}")
    for item in errors_of(record):
        problem = problem_of(item)
        status = problem.get("status", item.status)
        yield expect(status == item.status, f"status {item.status}", status, item, only=["ERR-006"])
        yield from type_by_condition(item, only=["PT-002", "ERR-012"])
        again = problem.get("retryable", False)
        yield expect(again == (item.status in TRANSIENT), "retryable by its status", again, item, only=["RTY-005"])
