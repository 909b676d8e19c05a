"""Watching every status report, in every scenario: its form, what it says together, and the version it claims."""

from collections.abc import Callable, Iterator
from itertools import pairwise

from jsonschema.exceptions import ValidationError

from conformance.checks.device.evidence import revisions
from conformance.checks.evidence import Record, Report
from conformance.checks.monitors.device_schemas import kind_kept, required_members, schema_kept
from conformance.checks.registry import Judgement, check, expect, noted

STATES = ("failed", "removing", "installing", "pending", "removed", "installed")
"""Most severe first, in the order that an author of the text gives (AMB-X-01); the printed one has `removing` twice."""


def _held(record: Record, expected: str, owns: Callable[[ValidationError], bool]) -> Iterator[Judgement]:
    for report in record.reports:
        yield schema_kept(record, report.exchange, report.document, "deployment-status", expected, owns)


def _path(error: ValidationError) -> tuple[str | int, ...]:
    return tuple(error.absolute_path)


@check("ST-003", role="device", monitor=True, interpretations=("AMB-X-02",))
def report_has_its_members(record: Record) -> Iterator[Judgement]:
    """A status report has all its members: the deployment, a status, components, and what else the revision wants."""
    needed = required_members(record, "deployment-status")
    yield from _held(record, needed, lambda error: not _path(error) or _path(error)[0] == "deploymentId")
    for report in record.reports:
        named = report.document.get("deploymentId")
        found = f"deploymentId {named!r} on the route of {report.deployment_id}"
        right = named == report.deployment_id
        yield expect(right, report.exchange, expected=f"deploymentId {report.deployment_id}", found=found)


@check("ST-004", role="device", monitor=True, interpretations=("AMB-B-19",))
def status_says_that_it_is_one(record: Record) -> Iterator[Judgement]:
    """A status report gives its kind as it is named in the interface."""
    for report in record.reports:
        yield from kind_kept(record, report.exchange, report.document, "deployment-status")


@check("ST-024", role="device", monitor=True)
def report_has_an_adopted_version(record: Record) -> Iterator[Judgement]:
    """Every status report has an adopted manifest version, a whole number from 1 up."""
    for report in record.reports:
        found = report.document.get("adoptedManifestVersion", "nothing")
        right = report.version is not None and report.version >= 1
        yield expect(right, report.exchange, expected="a version from 1 up", found=str(found))


@check("ST-007", role="device", monitor=True, interpretations=("AMB-X-02",))
def overall_state_is_known(record: Record) -> Iterator[Judgement]:
    """The overall state is one of the six."""
    yield from _held(
        record, "one of the six states", lambda error: _path(error)[:2] in (("status",), ("status", "state"))
    )


@check("ST-009", role="device", monitor=True)
def component_states_are_known(record: Record) -> Iterator[Judgement]:
    """Every component's state is one of the six."""
    yield from _held(
        record, "one of the six states", lambda error: _path(error)[:1] == ("components",) and "state" in _path(error)
    )


@check("ST-010", role="device", monitor=True)
def components_have_name_and_state(record: Record) -> Iterator[Judgement]:
    """Every component entry has a name and a state."""

    def owns(error: ValidationError) -> bool:
        path = _path(error)
        return path[:1] == ("components",) and (len(path) <= 2 or path[-1] == "name") and "error" not in path

    yield from _held(record, "a name and a state", owns)


@check("ST-011", role="device", monitor=True, interpretations=("AMB-X-19",))
def every_component_is_reported(record: Record) -> Iterator[Judgement]:
    """A status report has one entry for each component of the deployment it speaks of."""
    for report in record.reports:
        known = [
            tuple(fact.data["components"])
            for fact in record.facts_of("published")
            if fact.data["deploymentId"] == report.deployment_id
        ]
        if known:
            names = [str(entry.get("name")) for entry in report.components]
            right = any(sorted(names) == sorted(wanted) for wanted in known)
            found = ", ".join(names) or "none"
            yield expect(right, report.exchange, expected=", ".join(known[-1]), found=found)


@check("ST-008", role="device", monitor=True, interpretations=("AMB-X-01",))
def overall_state_is_the_most_severe(record: Record) -> Iterator[Judgement]:
    """The overall state is the most severe state of the components."""
    for report in record.reports:
        states = [state for state in report.component_states.values() if state in STATES]
        if not states or report.state is None:
            continue
        wanted = min(states, key=STATES.index)
        found = f"{report.state} of {', '.join(states)}"
        if report.state != wanted and "removed" in states and report.state in states and wanted != "failed":
            yield noted(found, report.exchange, expected=f"{wanted}, where the text prints one state twice (AMB-X-01)")
        else:
            yield expect(report.state == wanted, report.exchange, expected=wanted, found=found)


@check("ST-012", role="device", monitor=True, interpretations=("AMB-X-16",))
def errors_have_all_members(record: Record) -> Iterator[Judgement]:
    """An error has code, source and message, and none of them is empty where something failed."""
    for report in record.reports:
        failed = [("the deployment", report.error)] if report.state == "failed" and report.error is not None else []
        failed += [
            (str(entry.get("name")), entry["error"])
            for entry in report.components
            if entry.get("state") == "failed" and isinstance(entry.get("error"), dict)
        ]
        if (report.state == "failed" or "failed" in report.component_states.values()) and not failed:
            yield expect(False, report.exchange, expected="an error that says why", found="failed without an error")
        for where, error in failed:
            lacking = [name for name in ("code", "source", "message") if not error.get(name)]
            found = f"{where}: without {', '.join(lacking)}" if lacking else f"{where}: all three"
            yield expect(not lacking, report.exchange, expected="code, source and message", found=found)


@check("ST-014", role="device", monitor=True)
def source_of_a_deployments_error_is_its_name(record: Record) -> Iterator[Judgement]:
    """The source of a deployment's error is the deployment's name, unless a gateway raised it."""
    for report in record.reports:
        document = record.deployment_yaml(report.deployment_id)
        if report.state == "failed" and report.error is not None and document is not None and not _reserved(report):
            name, source = document["metadata"]["name"], report.error.get("source")
            yield expect(source == name, report.exchange, expected=f"source {name}", found=f"source {source}")


@check("ST-015", role="device", monitor=True)
def source_of_a_components_error_is_its_name(record: Record) -> Iterator[Judgement]:
    """The source of a component's error is the component's name, unless a gateway raised it."""
    for report in record.reports:
        for entry in report.components:
            error = entry.get("error")
            if entry.get("state") == "failed" and isinstance(error, dict) and error.get("code") not in RESERVED:
                name, source = entry.get("name"), error.get("source")
                yield expect(source == name, report.exchange, expected=f"source {name}", found=f"source {source}")


RESERVED = ("101", "102", "103")


def _reserved(report: Report) -> bool:
    return report.error is not None and report.error.get("code") in RESERVED


@check("ST-013", "ST-017", role="device", monitor=True)
def source_of_a_gateways_error_is_the_gateway(record: Record) -> Iterator[Judgement]:
    """An error that a gateway raised has one of the reserved codes and the gateway's id as source."""
    ids = [item.params.get("deviceId", "") for item in record.capability_reports]
    gateways = {name for name in ids if any(other.startswith(f"{name}/") for other in ids)}
    for report in record.reports:
        if _reserved(report) and report.error is not None and gateways:
            source = report.error.get("source")
            wanted = " or ".join(sorted(gateways))
            yield expect(source in gateways, report.exchange, expected=f"source {wanted}", found=f"source {source}")


@check("ST-006", role="device", monitor=True)
def report_for_a_child_names_it(record: Record) -> Iterator[Judgement]:
    """A status report for a device behind a gateway names that device with every gateway before it."""
    for report in record.reports:
        document = record.deployment_yaml(report.deployment_id)
        target = str(document["metadata"]["deviceId"]) if document else ""
        unknown = report.error is not None and report.error.get("code") == RESERVED[0]
        if "/" in target and not target.endswith("*") and not unknown:
            found = report.document.get("deviceId")
            yield expect(found == target, report.exchange, expected=f"deviceId {target}", found=f"deviceId {found}")


@check("ST-020", "ST-023", role="device", monitor=True, interpretations=("AMB-X-19", "AMB-C-19"))
def adopted_version_was_served(record: Record) -> Iterator[Judgement]:
    """The version reported as adopted is never above the newest one that was served."""
    known = record.last_fact("provisioned")
    before = int(known.data.get("knownVersion", 0)) if known else 0
    for report in record.reports:
        if report.version is None:
            continue
        served = [offer.version for offer in record.offers if offer.version and offer.exchange.at <= report.exchange.at]
        newest = max([before, *served])
        found = f"version {report.version}"
        expected = f"at most version {newest}"
        yield expect(report.version <= newest, report.exchange, expected=expected, found=found)


@check("ST-021", role="device", monitor=True, interpretations=("AMB-C-19",))
def adopted_version_does_not_go_back(record: Record) -> Iterator[Judgement]:
    """The adopted version of a deployment goes back only where a newer revision was not installed."""
    resets = [fact.at for fact in record.facts_of("factory-reset")]
    for name in dict.fromkeys(report.deployment_id for report in record.reports):
        held: int | None = None
        for earlier, later in pairwise(record.reports_of(name)):
            held = earlier.version if earlier.state == "installed" else held
            if any(earlier.exchange.at < at < later.exchange.at for at in resets):
                continue
            if earlier.version is None or later.version is None or "failed" in (earlier.state, later.state):
                continue
            found = f"version {later.version} after {earlier.version}"
            expected = f"version {earlier.version} or newer"
            begun = earlier.state in ("pending", "installing") and held is not None and held <= later.version
            if later.version < earlier.version and begun and not _runs_newer(record, later):
                yield noted(f"{found}, without a report that it failed", earlier.exchange, later.exchange)
                continue
            right = later.version >= earlier.version
            yield expect(right, earlier.exchange, later.exchange, expected=expected, found=found)


def _runs_newer(record: Record, report: Report) -> bool:
    """Whether what really runs after a report is a revision newer than the version that it claims."""
    seen = next((fact for fact in record.facts_of("workloads") if fact.at >= report.exchange.at), None)
    facts = [fact for fact in record.facts_of("published") if fact.data["deploymentId"] == report.deployment_id]
    if seen is None or report.version is None:
        return False
    running = seen.data["running"].get(report.deployment_id)
    versions = [fact.data["version"] for fact in facts if revisions(fact) == running]
    return bool(versions) and min(versions) > report.version
