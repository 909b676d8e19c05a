"""Status reports: the first of a deployment is new, later ones are updates, wrong ones are refused."""

from collections.abc import Iterator

from conformance.checks.evidence import Record
from conformance.checks.registry import Judgement, check
from conformance.checks.wfm.history import history, refusals


@check("ST-018", role="wfm")
def the_first_report_is_new(record: Record) -> Iterator[Judgement]:
    """The first status of a deployment is answered 201, each later one 200."""
    yield from history(record, "report-status")


@check("ST-018", role="wfm", interpretations=("AMB-X-20", "AMB-X-22"))
def wrong_statuses_are_refused(record: Record) -> Iterator[Judgement]:
    """A status that cannot be parsed is a 400, one that is wrong a 422, and neither counts as a report."""
    yield from refusals(record, "report-status")


@check("SEC-006", role="wfm", interpretations=("AMB-X-21",))
def unknown_deployments_take_no_status(record: Record) -> Iterator[Judgement]:
    """A status for a deployment that the caller does not have is refused."""
    yield from refusals(record, "report-status")
