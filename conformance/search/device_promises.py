"""What a device owes whatever happens: it comes to what is wanted once nothing is in its way, and tells the truth.

Almost all of it is judged by the checks and monitors of the suite; what no statement says outright is judged here.
"""

from collections.abc import Sequence

from conformance.bench.device_bench import DeviceBench
from conformance.checks.device import adoption, evidence, polling
from conformance.checks.evidence import Record
from conformance.record.events import Fact
from conformance.search.actions import AnyAction
from conformance.search.device_model import DeviceModel
from conformance.search.violations import Broken, Violation

CONVERGES = "the device comes to what is wanted once nothing is in its way"
NO_WAY_BACK = "the device never goes back to what is older"
TRUE_STATUS = "what the device reports is legal and true"
NOTHING_WRONG_TAKEN = "nothing is taken that is damaged, cannot be read or cannot be checked"
NOTHING_LOST = "nothing is lost and nothing is there twice"

INVARIANTS = {
    f"device.{name}": promise
    for promise, names in {
        CONVERGES: (
            "newest_state_is_reached",
            "installed_release_runs",
            "withdrawn_application_is_removed",
        ),
        NO_WAY_BACK: ("older_or_equal_state_is_refused", "adopted_version_does_not_go_back", "tag_survives_a_restart"),
        NOTHING_WRONG_TAKEN: (
            "damaged_content_is_refused",
            "damaged_archive_is_not_gone_around",
            "unsupported_algorithm_is_refused",
            "malformed_state_is_refused",
        ),
        NOTHING_LOST: ("missing_content_is_no_removal", "changed_capabilities_are_reported"),
        TRUE_STATUS: (
            "failure_is_reported",
            "failure_says_why",
            "each_component_is_reported_as_it_is",
            "report_has_its_members",
            "report_has_an_adopted_version",
            "adopted_version_was_served",
            "removal_is_reported_as_it_goes",
        ),
    }.items()
    for name in names
}
"""The promise behind a check, by the check's name."""


def begin(bench: DeviceBench) -> None:
    """Have the device there, announced and polling."""
    bench.connect()


def finish(bench: DeviceBench, actions: Sequence[AnyAction]) -> None:
    """Take everything out of the way, have the device come to rest, and hold it to all that it owes."""
    model = DeviceModel()
    for action in actions:
        action.fit(model)
    if not model.wfm:
        bench.start_wfm()
    if not model.network:
        bench.restore()
    for role in sorted(model.open & model.desired):
        publish(bench, role, model.next_release(role))
    if model.releases:
        come_to_rest(bench)


def publish(bench: DeviceBench, role: str, release: int) -> Fact:
    """Publish a release, in a version above everything that was offered before; the publication."""
    offered = int(bench.named.get("next version") or 0)
    (fact,) = bench.publish((role, release), version=offered if offered > bench.world.version + 1 else None)
    return fact


def wanted(record: Record) -> dict[str, Fact]:
    """Give the newest order for each deployment: its publication or its withdrawal."""
    orders = [*record.facts_of("published"), *record.facts_of("withdrawn")]
    return {fact.data["deploymentId"]: fact for fact in sorted(orders, key=lambda fact: fact.at)}


def wait_for_rest(bench: DeviceBench) -> None:
    """Wait until the device reports what is wanted and has polled since; it is not held to that here."""

    def rested(record: Record) -> bool:
        return all(_done(record, fact) for fact in wanted(record).values())

    if wanted(bench.record):
        bench.until(rested, "apply")


def come_to_rest(bench: DeviceBench) -> None:
    """Wait for the device and hold it to what is wanted: reported, running, removed, and nothing else there."""
    wait_for_rest(bench)
    bench.look()
    bench.judge(adoption.newest_state_is_reached)
    orders = wanted(bench.record)
    for name, order in orders.items():
        if order.kind == "published":
            bench.judge(adoption.installed_release_runs, deployment=name)
        elif bench.record.last_report(name) is not None:
            bench.judge(adoption.withdrawn_application_is_removed, deployment=name)
    _judge_extras(bench, orders)
    newest = bench.record.offers[-1:]
    if newest and newest[0].refs and newest[0].exchange.fault is None and is_quiet(bench):
        bench.judge(polling.polls_carry_the_adopted_tag)


def is_at_rest(bench: DeviceBench) -> bool:
    """Whether the newest poll named the tag of the newest manifest, which has deployments, and was answered 304."""
    record = bench.record
    if not record.offers or not record.polls:
        return False
    newest, poll = record.offers[-1], record.polls[-1]
    return bool(newest.refs) and poll.status == 304 and poll.request_header("If-None-Match") == newest.etag


def is_quiet(bench: DeviceBench) -> bool:
    """Have the device poll twice with nothing new; whether it did."""
    last = bench.record.offers[-1:]
    return bool(last) and bench.until(
        lambda record: len(evidence.polls_after(record, last[0].exchange.finished)) >= 3, "settle"
    )


def _done(record: Record, order: Fact) -> bool:
    if order.kind == "published":
        return evidence.installed_and_polled(record, order)
    name, last = order.data["deploymentId"], record.last_report(order.data["deploymentId"])
    if not any(fact.data["deploymentId"] == name and fact.at < order.at for fact in record.facts_of("published")):
        return True
    served = evidence.served_version(record, order.data["version"])
    newer = [offer for offer in record.offers if (offer.version or 0) >= order.data["version"]]
    if last is None:
        met = served or (newer[0] if newer else None)
        return met is not None and len(evidence.polls_after(record, met.exchange.finished)) >= 2
    return last.state == "removed"


def _judge_extras(bench: DeviceBench, orders: dict[str, Fact]) -> None:
    """Whatever runs is wanted: no statement says so of what is left over, so it is judged here."""
    seen = bench.record.last_fact("workloads")
    if seen is None:
        return
    extra = [name for name in seen.data["running"] if name not in orders or orders[name].kind != "published"]
    if extra:
        raise Broken(
            Violation(
                invariant=NOTHING_LOST,
                check="search.only_what_is_wanted_runs",
                expected="nothing runs that is not wanted",
                found=f"{len(extra)} deployments run that are not wanted",
            )
        )
