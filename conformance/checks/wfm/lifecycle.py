"""The interface as a whole."""

from collections.abc import Iterator

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.judged import accepted, expect, said, unseen

OPERATIONS = (
    "report-capabilities",
    "withdraw-capabilities",
    "fetch-manifest",
    "fetch-deployment",
    "fetch-bundle",
    "report-status",
)


@check("API-001", role="wfm")
def every_operation_is_served(record: Record) -> Iterator[Judgement]:
    """A WFM serves all six operations of the interface."""
    for operation in OPERATIONS:
        items = record.of(operation)
        if not items:
            yield unseen(operation, "it was not asked for")
        for item in items[:1]:
            yield expect(accepted(item), f"{operation} served", said(item), item)
