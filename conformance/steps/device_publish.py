"""What the WFM publishes, rightly or wrongly, and what the device makes of it."""

from pytest_bdd import parsers, then, when

from conformance.bench.device_bench import DeviceBench
from conformance.bench.device_deployments import Variation, wanted_of
from conformance.checks.device import adoption, evidence, refusal
from conformance.checks.evidence import Record
from conformance.record.events import Fact
from conformance.steps.device_given import ROLES

TURNS = frozenset(
    {
        "withdrawn",
        "offered",
        "answering",
        "disturbed",
        "retired",
        "client-forgotten",
        "network-cut",
        "wfm-stopped",
        "published",
    }
)
"""Facts after which something could have happened to what runs."""

# --- good desired states ---------------------------------------------------------------------------------------------


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d}'))
def publishes(bench: DeviceBench, role: str, release: int) -> None:
    bench.publish_higher((role, release))


@when(parsers.parse("the WFM publishes {count:d} applications"))
def publishes_some(bench: DeviceBench, count: int) -> None:
    bench.publish(*wanted_of(ROLES[:count]))


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d} as a {kind:w} deployment'))
def publishes_kind(bench: DeviceBench, role: str, release: int, kind: str) -> None:
    bench.publish((role, release), variation=Variation(kind=kind))


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d} with other parameters'))
def publishes_parameters(bench: DeviceBench, role: str, release: int) -> None:
    parameters = bench.apps[bench.role_of(role)].release(release).description.parameters or {}
    values = dict.fromkeys(parameters, "changed by the bench")
    bench.publish((role, release), variation=Variation(values=values, spelling="comments"))


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d} written with {habit}'))
def publishes_spelled(bench: DeviceBench, role: str, release: int, habit: str) -> None:
    bench.publish((role, release), variation=Variation(spelling=SPELLINGS[habit]))


SPELLINGS = {
    "comments and empty lines": "comments",
    "line ends of another system": "crlf",
    "deep indentation": "indented",
}


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d} with unknown extensions'))
def publishes_extended(bench: DeviceBench, role: str, release: int) -> None:
    bench.publish((role, release), variation=Variation(extended=True))


@when(parsers.parse('the WFM publishes "{role:w}" in a version with a build label'))
def publishes_build(bench: DeviceBench, role: str) -> None:
    bench.publish((role, 1), variation=Variation(revision="1.4.2_build.7"))


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d} with a wrong stated size'))
def publishes_wrong_size(bench: DeviceBench, role: str, release: int) -> None:
    bench.rewrite_manifests(_wrong_sizes)
    bench.publish((role, release))
    bench.rewrite_manifests(None)


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d} with a timeout of {seconds:d} second'))
def publishes_timeout(bench: DeviceBench, role: str, release: int, seconds: int) -> None:
    bench.publish((role, release), variation=Variation(timeout=f"0m{seconds}s"))


@when(parsers.parse('the WFM publishes "{role:w}" release {release:d} as version {version:d}'))
def publishes_large(bench: DeviceBench, role: str, release: int, version: int) -> None:
    bench.publish((role, release), version=version)
    bench.until(lambda _: _installed(bench, role), "apply")


@when(parsers.parse('the WFM publishes releases {first:d} to {last:d} of "{role:w}" in quick succession'))
def publishes_burst(bench: DeviceBench, first: int, last: int, role: str) -> None:
    for release in range(first, last + 1):
        bench.publish((role, release))


@when("the WFM compresses what it sends")
def compresses(bench: DeviceBench) -> None:
    bench.compress()


@when(parsers.parse('the WFM withdraws "{role:w}"'))
def withdraws(bench: DeviceBench, role: str) -> None:
    bench.withdraw(role)


@when(parsers.parse("the WFM withdraws {count:d} applications"))
def withdraws_some(bench: DeviceBench, count: int) -> None:
    bench.withdraw(*ROLES[:count])


def _wrong_sizes(manifest: dict[str, object]) -> None:
    for entry in [manifest["bundle"], *manifest["deployments"]]:  # type: ignore[misc]
        entry["sizeBytes"] = 1


def _installed(bench: DeviceBench, role: str) -> bool:
    fact = evidence.publication(bench.record, bench.deployment_id(role))
    return fact is not None and evidence.installed_and_polled(bench.record, fact)


def _gone(bench: DeviceBench, role: str) -> bool:
    fact = evidence.withdrawal(bench.record, bench.deployment_id(role))
    return fact is not None and evidence.removed(bench.record, fact.data["deploymentId"], fact.at) is not None


# --- what becomes of them --------------------------------------------------------------------------------------------


@then(parsers.parse('the device installs "{role:w}" and reports it'))
def installs(bench: DeviceBench, role: str) -> None:
    bench.until(lambda _: _installed(bench, role), "apply")
    bench.judge(adoption.published_release_is_installed, deployment=bench.deployment_id(role))


@then(parsers.parse("the device installs all {count:d} applications and reports each"))
def installs_all(bench: DeviceBench, count: int) -> None:
    for role in ROLES[:count]:
        installs(bench, role)


@then(parsers.parse('what runs of "{role:w}" is what was published'))
def runs_what_was_published(bench: DeviceBench, role: str) -> None:
    bench.look()
    bench.judge(adoption.installed_release_runs, deployment=bench.deployment_id(role))


@then(parsers.parse('it fetched "{role:w}" before it installed it'))
def fetched_before(bench: DeviceBench, role: str) -> None:
    bench.judge(adoption.artefacts_were_fetched, deployment=bench.deployment_id(role))


@then(parsers.parse('it reports the version that "{role:w}" came with'))
def reports_version(bench: DeviceBench, role: str) -> None:
    bench.judge(adoption.update_is_reported_with_its_version, deployment=bench.deployment_id(role))


@then(parsers.parse('it reports the progress of "{role:w}"'))
def reports_progress(bench: DeviceBench, role: str) -> None:
    bench.judge(adoption.progress_is_reported, deployment=bench.deployment_id(role))


@then(parsers.parse('the device accepts "{role:w}" as it was written'))
def accepts_bytes(bench: DeviceBench, role: str) -> None:
    bench.until(lambda _: _installed(bench, role), "apply")
    bench.judge(adoption.exact_bytes_are_hashed, deployment=bench.deployment_id(role))


@then(parsers.parse('the device deploys the chart of "{role:w}"'))
def deploys_chart(bench: DeviceBench, role: str) -> None:
    bench.until(lambda _: _installed(bench, role), "apply")
    bench.judge(adoption.helm_charts_are_deployed, deployment=bench.deployment_id(role))


@then(parsers.parse('the device deploys the archive of "{role:w}"'))
def deploys_archive(bench: DeviceBench, role: str) -> None:
    bench.until(lambda _: _installed(bench, role), "apply")
    bench.judge(adoption.compose_archives_are_deployed, deployment=bench.deployment_id(role))


@then(parsers.parse('the device ignores the extensions and installs "{role:w}"'))
def ignores_extensions(bench: DeviceBench, role: str) -> None:
    bench.until(lambda _: _installed(bench, role), "apply")
    bench.judge(adoption.unknown_extensions_are_ignored, deployment=bench.deployment_id(role))


@then(parsers.parse('the device understands the version of "{role:w}"'))
def understands_build(bench: DeviceBench, role: str) -> None:
    bench.until(lambda _: _installed(bench, role), "apply")
    bench.judge(adoption.build_label_is_understood, deployment=bench.deployment_id(role))


@then(parsers.parse('the device does not mind the size and installs "{role:w}"'))
def does_not_mind_size(bench: DeviceBench, role: str) -> None:
    bench.until(lambda _: _installed(bench, role), "apply")
    bench.judge(refusal.stated_size_is_no_integrity, deployment=bench.deployment_id(role))


@then(parsers.parse('the device removes "{role:w}" and reports it'))
def removes(bench: DeviceBench, role: str) -> None:
    bench.until(lambda _: _gone(bench, role), "apply")
    bench.look()
    bench.judge(adoption.removal_is_reported_as_it_goes, deployment=bench.deployment_id(role))
    bench.judge(adoption.withdrawn_application_is_removed, deployment=bench.deployment_id(role))


@then(parsers.parse("the device removes all {count:d} applications and reports each"))
def removes_all(bench: DeviceBench, count: int) -> None:
    for role in ROLES[:count]:
        removes(bench, role)


@then(parsers.parse('the device leaves "{role:w}" alone'))
def leaves_alone(bench: DeviceBench, role: str) -> None:
    since = bench.record.facts[-1]
    since = next((fact for fact in reversed(bench.record.facts) if fact.kind in TURNS), since)
    bench.two_polls(since)
    bench.look()
    bench.judge(adoption.application_is_left_alone, deployment=bench.deployment_id(role), since=since)


@then("the device ends on the newest desired state")
def ends_on_newest(bench: DeviceBench) -> None:
    for fact in bench.record.facts_of("published"):
        bench.until(lambda _, role=fact.data["role"]: _installed(bench, role), "apply")  # type: ignore[misc]
    bench.judge(adoption.newest_state_is_reached)


# --- wrong desired states --------------------------------------------------------------------------------------------


@when(parsers.parse('the WFM offers "{role:w}" release {release:d} with {damage}'))
def offers_damaged(bench: DeviceBench, role: str, release: int, damage: str) -> None:
    bench.offer(damage, (role, release), extra="tertiary")
    bench.settle()
    bench.end_offer()
    bench.look()


@when(parsers.parse('the WFM goes on offering "{role:w}" release {release:d} with {damage}'))
def goes_on_offering(bench: DeviceBench, role: str, release: int, damage: str) -> None:
    bench.until(lambda record: _being_installed(record, bench.deployment_id(role)), "apply")
    bench.offer(damage, (role, release), extra="tertiary")


def _being_installed(record: Record, deployment: str) -> bool:
    fact, last = evidence.publication(record, deployment), record.last_report(deployment)
    return last is not None and fact is not None and (last.version or 0) >= fact.data["version"]


@when(parsers.parse("the WFM offers a desired state that is {defect}"))
def offers_malformed(bench: DeviceBench, defect: str) -> None:
    bench.offer(defect, ("primary", 2), extra="tertiary")
    bench.settle()
    bench.end_offer()
    bench.look()


@when(parsers.parse("the WFM offers other content under a version that is {steps:d} older"))
def offers_older(bench: DeviceBench, steps: int) -> None:
    bench.offer("older", ("primary", 2), version=bench.world.version - steps, extra="tertiary")
    bench.settle()
    bench.end_offer()
    bench.look()


@when("the WFM offers other content under the version that is held")
def offers_equal(bench: DeviceBench) -> None:
    offers_older(bench, 0)


@when(parsers.parse('the WFM offers a state without "{role:w}" under an older version'))
def offers_without(bench: DeviceBench, role: str) -> None:
    bench.offer_without("older, without an application", role, bench.world.version - 1)
    bench.settle()
    bench.end_offer()
    bench.look()


@then("the device refuses the damaged state")
def refuses_damaged(bench: DeviceBench) -> None:
    bench.judge(refusal.damaged_content_is_refused)


@then("the device refuses the digest that it cannot check")
def refuses_algorithm(bench: DeviceBench) -> None:
    bench.judge(refusal.unsupported_algorithm_is_refused)


@then("the device refuses what is not newer")
def refuses_older(bench: DeviceBench) -> None:
    bench.judge(refusal.older_or_equal_state_is_refused)


@then("the device refuses what it cannot read")
def refuses_malformed(bench: DeviceBench) -> None:
    bench.judge(refusal.malformed_state_is_refused)


@then("versions that differ by one are told apart")
def tells_apart(bench: DeviceBench) -> None:
    bench.judge(refusal.large_versions_are_told_apart)


@then(parsers.parse('the version of the damaged state is not claimed for "{role:w}"'))
def not_claimed(bench: DeviceBench, role: str) -> None:
    offer = bench.record.last_fact("offered")
    assert offer is not None  # noqa: S101 - the step before made it
    bench.settle(offer)
    bench.until(lambda record: _reported_since(record, offer, bench.deployment_id(role)), "apply")
    bench.judge(refusal.fetched_version_is_not_claimed, deployment=bench.deployment_id(role))
    bench.end_offer()


def _reported_since(record: Record, offer: Fact, deployment: str) -> bool:
    met = evidence.damaged_fetches(record, offer)
    reports = evidence.reports_after(record, met[0].finished, deployment) if met else ()
    return any(report.state in evidence.FINAL for report in reports)


@when(parsers.parse('the content of "{role:w}" release {release:d} cannot be found'))
def cannot_be_found(bench: DeviceBench, role: str, release: int) -> None:
    for operation in ("fetch-deployment", "fetch-bundle"):
        bench.answer(operation, 404, times=None)
    since = bench.record.facts[-1]
    bench.publish((role, release))
    bench.named["missing since"] = since
    bench.until(lambda record: _looked_for(record, since), "settle")


def _looked_for(record: Record, since: Fact) -> bool:
    missing = [item for item in record.fetches if item.status == 404 and item.at > since.at]
    return bool(missing) and len(evidence.polls_after(record, missing[0].finished)) >= 2


@then(parsers.parse('the device does not take it as an order to remove "{role:w}"'))
def no_order(bench: DeviceBench, role: str) -> None:
    since = bench.named["missing since"]
    bench.judge(refusal.missing_content_is_no_removal, deployment=bench.deployment_id(role), since=since)


@when("the content can be found again")
@when("the WFM answers as it should again")
def found_again(bench: DeviceBench) -> None:
    bench.recover()


@then("the device does not go around the damaged archive")
def does_not_go_around(bench: DeviceBench) -> None:
    bench.judge(refusal.damaged_archive_is_not_gone_around)
