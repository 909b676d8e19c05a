"""What a WFM says when it is asked too much."""

from collections.abc import Iterator

from conformance.checks.evidence import Record, problem_of
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.judged import exchange, expect, said, unseen


@check("RTY-001", "RTY-002", "RTY-003", "RTY-005", "PRB-06", role="wfm")
def overload_is_told_with_a_time(record: Record) -> Iterator[Judgement]:
    """A request refused for load is a 429 or 503 with Retry-After, retryable with exponential backoff."""
    for fact in record.facts_of("overloaded"):
        items = [exchange(record, number) for number in fact.refs.get("exchanges", ())]
        refused = [item for item in items if item is not None and item.status in (429, 503)]
        if not refused:
            yield unseen("requests refused for load", "; ".join(said(item) for item in items if item is not None), fact)
        for item in refused:
            problem = problem_of(item)
            of_status = "RTY-002" if item.status == 429 else "RTY-003"
            header = item.response_header("Retry-After")
            yield expect(header, "Retry-After", header, item, only=[of_status, "RTY-001", "PRB-06"])
            found = (problem.get("retryable"), problem.get("backoffStrategy"))
            shown = f"retryable {found[0]}, backoffStrategy {found[1]}"
            right = found == (True, "exponential")
            yield expect(right, "retryable, exponential", shown, item, only=["RTY-005", "RTY-001", "PRB-06"])


@check("RTY-001", role="wfm")
def service_goes_on_after_overload(record: Record) -> Iterator[Judgement]:
    """When there is capacity again, the client is served, with the manifest it had."""
    for fact in record.facts_of("overloaded"):
        tries = set(fact.refs.get("exchanges", ()))
        others = [poll for poll in record.polls if poll.n not in tries]
        before = [poll for poll in others if poll.at < fact.at and poll.status == 200][-1:]
        after = [poll for poll in others if poll.at > fact.at]
        for poll in after[:1]:
            yield expect(poll.status == 200, "served again", said(poll), poll)
            same = bool(before) and before[0].response.digest == poll.response.digest
            yield expect(same, "the manifest from before", "the same" if same else "another", *before, poll)
