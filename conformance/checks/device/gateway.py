"""A gateway whose children the WFM sees: what it says of them, and what it does for them."""

from collections.abc import Iterator

from conformance.checks.device.evidence import RUNNING, installed, publication, reports_after
from conformance.checks.device.silence import silence
from conformance.checks.evidence import Record, asked_at, parsed
from conformance.checks.registry import Judgement, check, expect, unseen

AGGREGATED = ("cpus", "memory", "storage", "interfaces", "supportedRuntimes", "supportedDeploymentTypes")
"""What a device that hosts workloads has to offer, of the members that cannot be empty."""
TOO_LARGE = "the report is too large to be recorded"


@check("DC-032", "DC-033", "GW-01", "GW-03", role="device")
def gateway_comes_before_its_children(record: Record) -> Iterator[Judgement]:
    """A gateway reports itself first, and then each device behind it in a call of its own."""
    names = [item.params.get("deviceId", "") for item in record.capability_reports]
    children = [name for name in names if "/" in name]
    if not children:
        yield unseen("the gateway, then each child", f"reports of {', '.join(names) or 'nobody'}")
        return
    for name in dict.fromkeys(children):
        parent, position = name.rpartition("/")[0], names.index(name)
        right = parent in names[:position]
        found = ", ".join(names[: position + 1])
        yield expect(right, record.capability_reports[position], expected=f"{parent} before {name}", found=found)


@check("DC-036", "GW-06", role="device")
def gone_child_is_withdrawn(record: Record) -> Iterator[Judgement]:
    """A device that is no longer behind the gateway is withdrawn."""
    fact = next((item for item in reversed(record.facts_of("configured")) if "gone" in item.data), None)
    if fact is None:
        yield unseen("the child is withdrawn", "no child went away")
        return
    name = fact.data["gone"]
    calls = [item for item in record.of("withdraw-capabilities", deviceId=name) if item.at > asked_at(fact)]
    if not calls and (why := silence(record, asked_at(fact))):
        yield unseen(f"{name} is withdrawn", why, fact)
        return
    yield expect(bool(calls), fact, *calls[:1], expected=f"{name} is withdrawn", found=f"{len(calls)} withdrawals")


@check("DC-032", "GW-01", role="device")
def new_child_is_reported(record: Record) -> Iterator[Judgement]:
    """A device that comes behind the gateway is reported."""
    fact = next((item for item in reversed(record.facts_of("configured")) if "child" in item.data), None)
    if fact is None:
        yield unseen("the child is reported", "no child came")
        return
    name = fact.data["child"]
    calls = [item for item in record.of("report-capabilities", deviceId=name) if item.at > asked_at(fact)]
    if not calls and (why := silence(record, asked_at(fact))):
        yield unseen(f"{name} is reported", why, fact)
        return
    yield expect(bool(calls), fact, *calls[:1], expected=f"{name} is reported", found=f"{len(calls)} reports")


@check("ST-006", "DS-076", role="device", interpretations=("AMB-X-34",))
def child_is_named_in_reports(record: Record, deployment: str) -> Iterator[Judgement]:
    """What is deployed to a child is installed there and reported with the child's whole id."""
    fact = publication(record, deployment)
    report = installed(record, fact) if fact else None
    if fact is None or report is None:
        last = record.last_report(deployment)
        if fact is not None and (why := silence(record, fact.at)):
            yield unseen("installed on the child", why, fact)
            return
        yield expect(False, expected="installed on the child", found=f"{last.state}" if last else "no report")
        return
    found = report.document.get("deviceId")
    wanted = fact.data["target"]
    yield expect(found == wanted, report.exchange, expected=f"deviceId {wanted}", found=f"deviceId {found}")


@check("ST-016", "ST-013", "ST-017", role="device")
def gateway_says_what_is_wrong_with_a_child(record: Record, deployment: str, code: str) -> Iterator[Judgement]:
    """A gateway that cannot bring a deployment to its child says so with the reserved code, in its own name."""
    yield from _refused_with(record, deployment, code)


@check("AD-007", "DEP-06", "GW-09", "ST-016", role="device")
def gateway_that_cannot_choose_says_so(record: Record, deployment: str) -> Iterator[Judgement]:
    """A gateway that cannot choose a child by itself says so when it is asked to."""
    yield from _refused_with(record, deployment, "103")


@check("DC-031", "GW-07", role="device")
def opaque_gateway_reports_one_device(record: Record) -> Iterator[Judgement]:
    """A gateway that hides what is behind it reports one device, with resources that can be placed on one by one."""
    reports = record.capability_reports
    if not reports:
        yield unseen("one device", "no report came")
        return
    names = sorted({item.params.get("deviceId", "") for item in reports})
    right = len(names) == 1 and "/" not in names[0]
    yield expect(right, *reports[:3], expected="one device, none behind it", found=", ".join(names))
    if reports[0].request.cut:
        yield unseen(f"{', '.join(AGGREGATED)} of all that is behind it", TOO_LARGE, reports[0])
        return
    properties = (parsed(reports[0].request.readable) or {}).get("properties")
    there = properties if isinstance(properties, dict) else {}
    lacking = [name for name in AGGREGATED if not there.get(name)]
    found = f"without {', '.join(lacking)}" if lacking else "all of them"
    yield expect(not lacking, reports[0], expected=f"{', '.join(AGGREGATED)} of all that is behind it", found=found)


@check("DC-035", "GW-05", role="device")
def hosting_gateway_reports_like_any_host(record: Record) -> Iterator[Judgement]:
    """A gateway that hosts workloads too reports its own resources, with a runtime and a deployment type."""
    own = [item for item in record.capability_reports if "/" not in item.params.get("deviceId", "")]
    if not own:
        yield unseen("the gateway's own resources", "no report of the gateway came")
        return
    if own[0].request.cut:
        yield unseen(", ".join(AGGREGATED), TOO_LARGE, own[0])
        return
    properties = (parsed(own[0].request.readable) or {}).get("properties")
    there = properties if isinstance(properties, dict) else {}
    lacking = [name for name in AGGREGATED if not there.get(name)]
    found = f"without {', '.join(lacking)}" if lacking else "all of them"
    yield expect(not lacking, own[0], expected=", ".join(AGGREGATED), found=found)


@check("ST-006", "DS-076", role="device")
def chosen_device_is_named(record: Record, deployment: str) -> Iterator[Judgement]:
    """A gateway that chooses where a deployment goes installs it, and names the child if it chose one."""
    fact = publication(record, deployment)
    report = installed(record, fact) if fact else None
    last = record.last_report(deployment)
    shown = (last.exchange,) if last else ()
    if fact is None or report is None:
        said = f"{last.state}: {last.error}" if last else "no report"
        yield expect(False, *shown, expected="installed where the gateway chose", found=said)
        return
    known = {item.params.get("deviceId", "") for item in record.capability_reports}
    named = report.document.get("deviceId")
    right = named is None or named in known
    yield expect(right, *shown, expected="the gateway, or a device behind it", found=str(named or "the gateway"))


def _refused_with(record: Record, deployment: str, code: str) -> Iterator[Judgement]:
    fact = publication(record, deployment)
    reports = reports_after(record, fact.at if fact else 0.0, deployment)
    errors = [report for report in reports if report.error is not None]
    if not reports:
        yield unseen(f"error {code}", "no report came")
        return
    gateway = record.capability_reports[0].params.get("deviceId") if record.capability_reports else None
    last = errors[-1] if errors else reports[-1]
    error = last.error or {}
    right = error.get("code") == code and error.get("source") == gateway and last.state == "failed"
    right = right and not any(report.state in RUNNING for report in reports)
    found = f"{last.state}, code {error.get('code')}, source {error.get('source')}"
    yield expect(right, last.exchange, expected=f"failed, code {code}, source {gateway}", found=found)
