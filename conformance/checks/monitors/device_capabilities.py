"""Watching every capabilities report, in every scenario, against the schema of the catalogue."""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError

from conformance.catalogue import load
from conformance.checks.device.evidence import known_before
from conformance.checks.evidence import Record, parsed
from conformance.checks.monitors.device_schemas import errors_of, kind_kept, required_members, schema_kept
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Exchange

DEVICE_ID = re.compile(r"[A-Za-z0-9._~-]+(/[A-Za-z0-9._~-]+)*")
EXTENSION = re.compile(r"x-[a-z][a-z0-9-]*-extensions")
Path = tuple[str | int, ...]
Report = tuple[Exchange, Mapping[str, Any]]


def _reports(record: Record) -> Iterator[Report]:
    """Give every capabilities report that is a JSON object."""
    for exchange in record.capability_reports:
        document = parsed(exchange.request.readable)
        if document is not None:
            yield exchange, document


def _properties(document: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = document.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _held(
    record: Record,
    expected: str,
    applies: Callable[[Mapping[str, Any]], bool],
    owns: Callable[[ValidationError], bool],
    schema: str = "device-capabilities",
) -> Iterator[Judgement]:
    for exchange, document in _reports(record):
        if applies(document):
            yield schema_kept(record, exchange, document, schema, expected, owns)


def _under(*prefix: str) -> Callable[[ValidationError], bool]:
    return lambda error: tuple(error.absolute_path)[: len(prefix)] == prefix


def _with(name: str) -> Callable[[Mapping[str, Any]], bool]:
    return lambda document: name in _properties(document)


def _always(_: Mapping[str, Any]) -> bool:
    return True


@check("DC-009", role="device", monitor=True, interpretations=("AMB-X-23", "AMB-C-17"))
def report_has_only_what_it_may(record: Record) -> Iterator[Judgement]:
    """A capabilities report is an object of the members that are defined and of extensions, and nothing else."""
    for exchange in record.capability_reports:
        if exchange.request.cut:
            yield unseen("a JSON object", "the report is too large to be recorded", exchange)
        elif parsed(exchange.request.readable) is None:
            yield expect(False, exchange, expected="a JSON object", found="something else")
    wanted = f"{required_members(record, 'device-capabilities')}, and beside them only what is defined and extensions"
    yield from _held(record, wanted, _always, lambda error: not error.absolute_path)


@check("DC-010", role="device", monitor=True)
def report_says_that_it_is_one(record: Record) -> Iterator[Judgement]:
    """A capabilities report gives its kind as it is named in the interface."""
    for exchange, document in _reports(record):
        yield from kind_kept(record, exchange, document, "device-capabilities")


@check("DC-011", role="device", monitor=True)
def report_names_the_device(record: Record) -> Iterator[Judgement]:
    """A capabilities report has id, vendor, model number and serial number."""
    needed = "id, vendor, modelNumber and serialNumber"
    yield from _held(record, needed, _always, lambda error: tuple(error.absolute_path) == ("properties",))


@check("DC-006", "DC-007", "DC-008", role="device", monitor=True, interpretations=("AMB-X-26",))
def route_names_a_device(record: Record) -> Iterator[Judgement]:
    """The device in the route of a report is a chain of ids made of unreserved characters only."""
    for exchange in record.capability_reports:
        name = exchange.params.get("deviceId", "")
        raw = "%" not in exchange.target
        yield expect(
            raw and DEVICE_ID.fullmatch(name) is not None,
            exchange,
            expected="unreserved characters, with / between ids",
            found=exchange.target,
        )


@check("DC-012", role="device", monitor=True)
def report_is_of_the_device_in_its_route(record: Record) -> Iterator[Judgement]:
    """The id in a report is the one in its route, with every gateway before it."""
    for exchange, document in _reports(record):
        found = _properties(document).get("id")
        wanted = exchange.params.get("deviceId")
        right = found == wanted and isinstance(found, str) and DEVICE_ID.fullmatch(found) is not None
        yield expect(right, exchange, expected=f"id {wanted}", found=f"id {found!r}")


@check("DC-014", role="device", monitor=True, interpretations=("AMB-X-17", "A-10"))
def sizes_have_binary_units(record: Record) -> Iterator[Judgement]:
    """Memory and storage are numbers with a binary unit."""
    for name in ("memory", "storage"):
        yield from _held(record, f"{name} with a binary unit", _with(name), _under("properties", name))


@check("DC-020", role="device", monitor=True)
def cpus_have_cores(record: Record) -> Iterator[Judgement]:
    """Every CPU entry has cores, and a known architecture if any."""
    yield from _held(record, "cores, and a known architecture", _with("cpus"), _under("properties", "cpus"))


@check("DC-023", role="device", monitor=True)
def peripherals_are_known(record: Record) -> Iterator[Judgement]:
    """Every peripheral has a known type."""
    yield from _held(record, "known types", _with("peripherals"), _under("properties", "peripherals"))


@check("DC-024", role="device", monitor=True)
def interfaces_are_known(record: Record) -> Iterator[Judgement]:
    """Every interface has a known type."""
    yield from _held(record, "known types", _with("interfaces"), _under("properties", "interfaces"))


@check("DC-025", role="device", monitor=True)
def runtimes_and_types_are_known(record: Record) -> Iterator[Judgement]:
    """Runtimes and deployment types are among those that are defined."""
    for name in ("supportedRuntimes", "supportedDeploymentTypes"):
        yield from _held(record, "known values", _with(name), _under("properties", name))


@check("DC-028", role="device", monitor=True, interpretations=("AMB-C-15",))
def labels_are_plain_values(record: Record) -> Iterator[Judgement]:
    """Labels are texts, numbers, truth values, or lists of texts or of numbers."""
    yield from _held(record, "plain values", lambda document: "labels" in document, _under("labels"))


@check("DC-030", role="device", monitor=True)
def labels_have_a_prefix(record: Record) -> Iterator[Judgement]:
    """The names of labels are made so that two suppliers do not choose the same one."""
    for exchange, document in _reports(record):
        labels = document.get("labels")
        if isinstance(labels, Mapping) and labels:
            bare = [name for name in labels if "/" not in name and "." not in name]
            yield expect(not bare, exchange, expected="a domain prefix", found=f"without one: {', '.join(bare) or '-'}")


@check("DC-042", "EXT-09", "EXT-010", role="device", monitor=True)
def custom_comes_with_labels(record: Record) -> Iterator[Judgement]:
    """A device that reports a custom runtime or deployment type reports labels too."""
    for exchange, document in _reports(record):
        properties = _properties(document)
        values = [*(properties.get("supportedRuntimes") or ()), *(properties.get("supportedDeploymentTypes") or ())]
        if "custom" in values:
            yield expect(bool(document.get("labels")), exchange, expected="labels", found=str(document.get("labels")))


@check("DC-041", role="device", monitor=True)
def custom_may_be_reported(record: Record) -> Iterator[Judgement]:
    """Whether the device reports a custom runtime or deployment type."""
    for exchange, document in _reports(record):
        properties = _properties(document)
        values = [*(properties.get("supportedRuntimes") or ()), *(properties.get("supportedDeploymentTypes") or ())]
        if "custom" in values:
            yield expect(True, exchange, expected="custom, where there is one", found=", ".join(map(str, values)))


@check("DC-013", "DC-015", "DC-016", "DC-017", "DEV-03", "DEV-07", role="device", monitor=True)
def hosting_device_says_what_it_offers(record: Record) -> Iterator[Judgement]:
    """A device that hosts workloads reports its resources, a collector, a runtime and a deployment type."""
    if "hosting" not in record.claims.get("features", ()):
        return
    parts = {
        "DC-015": ("otelCollector",),
        "DC-016": ("supportedRuntimes",),
        "DC-017": ("supportedDeploymentTypes",),
    }
    for exchange, document in _reports(record):
        if "/" in exchange.params.get("deviceId", ""):
            continue
        errors = [
            error
            for schema in ("hosting-device-capabilities", "device-capabilities")
            for error in errors_of(document, schema, record.revision)
            if schema.startswith("hosting") or any(member in error.json_path for (member,) in parts.values())
        ]
        for name, members in parts.items():
            wrong = [error for error in errors if any(member in error.json_path + error.message for member in members)]
            yield _hosting(exchange, wrong, members[0], (name,))
        yield _hosting(exchange, errors, "every member of a hosting device", ("DC-013", "DEV-03", "DEV-07"))


def _hosting(exchange: Exchange, errors: list[ValidationError], what: str, of: tuple[str, ...]) -> Judgement:
    found = "; ".join(f"{error.json_path}: {error.message}" for error in errors[:2]) or "as expected"
    return expect(not errors, exchange, expected=what, found=found[:400], of=of)


@check("EXT-003", "EXT-004", "EXT-005", "EXT-006", "EXT-007", role="device", monitor=True)
def extensions_are_named_objects(record: Record) -> Iterator[Judgement]:
    """An extension in a report has a proper name and is an object."""
    for exchange, document in _reports(record):
        for name, value in document.items():
            if name.lower().startswith("x-"):
                right = EXTENSION.fullmatch(name) is not None and isinstance(value, Mapping)
                found = f"{name}: {type(value).__name__}"
                yield expect(right, exchange, expected="x-<name>-extensions with an object", found=found)


@check("DC-037", "EXT-07", role="device", monitor=True)
def wfm_extension_stands_at_the_root(record: Record) -> Iterator[Judgement]:
    """A WFM supplier's extension that the device uses stands at the root of its report."""
    if "wfm-extensions" not in record.claims.get("features", ()):
        return
    for exchange, document in _reports(record):
        names = [name for name in document if EXTENSION.fullmatch(name)]
        yield expect(bool(names), exchange, expected="an extension at the root", found=", ".join(names) or "none")


@check("DC-018", "GW-04", role="device", monitor=True)
def gateway_that_hosts_nothing_says_so(record: Record) -> Iterator[Judgement]:
    """A gateway that hosts nothing leaves out everything that only hosting devices have."""
    if "gateway-non-hosting" not in record.claims.get("features", ()):
        return
    hosting = (
        load(record.revision).schema("hosting-device-capabilities")["properties"]["properties"].get("required", ())
    )
    names = [name for name in hosting if name not in ("id", "vendor", "modelNumber", "serialNumber")]
    for exchange, document in _reports(record):
        if "/" not in exchange.params.get("deviceId", ""):
            there = [name for name in names if name in _properties(document)]
            yield expect(not there, exchange, expected="identity only", found=", ".join(there) or "identity only")


@check("DC-033", "GW-03", role="device", monitor=True)
def gateway_is_reported_before_what_is_behind_it(record: Record) -> Iterator[Judgement]:
    """A device behind a gateway is reported only after its gateway."""
    if known_before(record):
        return
    names: list[str] = []
    for exchange in record.capability_reports:
        name = exchange.params.get("deviceId", "")
        parent = name.rpartition("/")[0]
        if parent:
            found = ", ".join([*names, name])
            yield expect(parent in names, exchange, expected=f"{parent} before {name}", found=found)
        names.append(name)


@check("API-009", role="device", monitor=True, observes=True, interpretations=("AMB-X-33", "A-25"))
def port_is_mapped_by_the_bench(record: Record) -> Iterator[Judgement]:
    """The management interface is reached on port 443, unless the bench maps it."""
    fact = record.last_fact("provisioned")
    if fact is not None and record.polls:
        yield noted(f"the bench is reached at {fact.data['url']}", fact, expected="port 443, or a port the bench maps")
