"""What a device says of itself, where a scenario asks for it; the monitors judge every report in every scenario."""

from collections.abc import Iterator

from conformance.checks.evidence import Record, parsed
from conformance.checks.registry import Judgement, check, expect, noted, unseen

HOSTING = (
    "cpus",
    "memory",
    "storage",
    "peripherals",
    "interfaces",
    "otelCollector",
    "supportedRuntimes",
    "supportedDeploymentTypes",
)
WATCHED = ("DC-014", "DC-015", "DC-016", "DC-017", "DC-020", "DC-023", "DC-024", "DC-025")


@check("DC-013", *WATCHED, role="device")
def hosting_device_reports_its_resources(record: Record) -> Iterator[Judgement]:
    """A device that hosts workloads reports every resource that an application may ask for."""
    own = [item for item in record.capability_reports if "/" not in item.params.get("deviceId", "")]
    if own and own[0].request.cut:
        yield unseen(", ".join(HOSTING), "the report is too large to be recorded", own[0], of=("DC-013",))
        return
    if own:
        document = parsed(own[0].request.readable) or {}
        properties = document.get("properties")
        there = properties if isinstance(properties, dict) else {}
        lacking = [name for name in HOSTING if name not in there]
        found = f"without {', '.join(lacking)}" if lacking else "all of them"
        yield expect(not lacking, own[0], expected=", ".join(HOSTING), found=found, of=("DC-013",))
        return
    provisioned = record.last_fact("provisioned")
    if provisioned is not None and provisioned.data.get("knownVersion") and record.polls:
        yield noted("reported, and judged, in an earlier scenario of this run", provisioned)
    else:
        yield unseen("a report of its resources", "no report came")
