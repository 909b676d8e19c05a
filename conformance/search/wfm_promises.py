"""What a WFM owes whatever happens: each client is served exactly what was deployed to it, and no request breaks it."""

from collections.abc import Sequence

from conformance.bench.wfm_bench import WfmBench
from conformance.checks.wfm import capabilities, desired_state, statuses
from conformance.record.events import Exchange
from conformance.search.actions import AnyAction
from conformance.search.violations import Broken, Violation

MEMBERSHIP = "a manifest names exactly what was deployed to its client"
VERSIONS = "versions only grow, and grow with every change"
UNCHANGED = "what has not changed is not sent again"
VALID_TAKEN = "a valid request is taken"
INVALID_REFUSED = "an invalid request is refused with a problem document, and changes nothing"
NEVER_BREAKS = "no request breaks the WFM"

INVARIANTS = {
    f"wfm.{name}": promise
    for promise, names in {
        MEMBERSHIP: (
            "manifest_holds_exactly_what_is_wanted",
            "bundle_and_single_documents_agree",
            "deployments_say_what_and_where",
            "foreign_content_is_not_given",
        ),
        VERSIONS: (
            "every_change_makes_a_larger_version",
            "manifest_versions_only_grow",
            "manifest_versions_are_in_range",
            "equal_manifests_have_equal_bytes",
        ),
        UNCHANGED: (
            "the_newest_manifest_is_not_sent_again",
            "another_manifest_is_sent_whole",
            "not_modified_has_no_body",
        ),
        VALID_TAKEN: ("new_devices_are_told_from_known_ones", "the_first_report_is_new"),
        INVALID_REFUSED: (
            "errors_are_problem_documents",
            "problems_have_their_members",
            "problem_status_is_that_of_the_answer",
            "semantic_errors_name_the_fields",
        ),
    }.items()
    for name in names
}
"""The promise behind a check, by the check's name."""


def begin(bench: WfmBench) -> None:
    """Find out that the WFM serves a client at all; NotSeen ends the sequence when it does not."""
    bench.manifest("A")


def finish(bench: WfmBench, actions: Sequence[AnyAction]) -> None:
    """Hold every client's manifest to what was deployed to it, and every answer to a write to what was there before."""
    del actions
    for name in bench.client_names:
        judge_membership(bench, name)
    requests = {fact.data.get("request") for fact in bench.record.facts_of("sent") if fact.data.get("good")}
    if "report-capabilities" in requests:
        bench.judge(capabilities.new_devices_are_told_from_known_ones)
    if "report-status" in requests:
        bench.judge(statuses.the_first_report_is_new)
    if bench.record.facts_of("published"):
        bench.judge(desired_state.every_change_makes_a_larger_version)


def judge_membership(bench: WfmBench, name: str) -> None:
    """Ask for a client's manifest, fetch what it names, and hold both to what was deployed."""
    offer = bench.manifest(name)
    for item in bench.fetch_everything(name, offer):
        judge_answer(item, valid=True)
    if not bench.client(name).deployments:
        if offer.refs:
            raise broken(MEMBERSHIP, "search.nothing_was_deployed", "no deployments", f"{len(offer.refs)} of them")
        return
    bench.judge(desired_state.manifest_holds_exactly_what_is_wanted)
    bench.judge(desired_state.bundle_and_single_documents_agree)
    bench.judge(desired_state.deployments_say_what_and_where)


def judge_answer(exchange: Exchange, *, valid: bool) -> None:
    """Hold the answer to a generated request: valid ones are taken, invalid ones refused, and none breaks the WFM."""
    status = exchange.status
    if status is None or status >= 500:
        raise broken(
            NEVER_BREAKS,
            "search.no_request_breaks_the_wfm",
            "an answer below 500",
            str(status or exchange.error or "no answer"),
            "ERR-001",
        )
    if valid and not 200 <= status < 300:
        raise broken(
            VALID_TAKEN, "search.valid_requests_are_taken", "2xx", f"{status}: {(exchange.response.text or '')[:200]}"
        )
    if not valid and not 400 <= status < 500:
        raise broken(INVALID_REFUSED, "search.invalid_requests_are_refused", "4xx", str(status))


def broken(invariant: str, check: str, expected: str, found: str, *requirements: str) -> Broken:
    """Give the exception for an invariant that does not hold."""
    return Broken(
        Violation(invariant=invariant, check=check, requirements=requirements, expected=expected, found=found)
    )
