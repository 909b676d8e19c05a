"""Components and their registry: what is fetched, whether it is looked at before it is used, and what runs of it.

Facts of the bench that are read here: `component-held` (what the registry holds for a component, and what is odd about
it) and `inspected` (the environment of each container and the configuration of each component, where that can be seen).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from conformance.checks.device.effects import component_doubt
from conformance.checks.device.evidence import installed, polls_after, publication, reports_after, served_version
from conformance.checks.evidence import Record, Report
from conformance.checks.registry import Judgement, check, expect, noted, unseen
from conformance.record.events import Exchange, Fact

SPECIAL_BITS = 0o7000
COLLECTOR = "HTTP_OTEL_EXPORTER_OTLP_ENDPOINT"


def held(record: Record, deployment: str) -> tuple[Fact, ...]:
    """Give what the registry holds for the newest publication of a deployment, component by component."""
    fact = publication(record, deployment)
    if fact is None:
        return ()
    newest = {
        item.data["component"]: item
        for item in record.facts_of("component-held")
        if item.data["deploymentId"] == deployment and item.data["release"] == fact.data["release"]
    }
    return tuple(newest.values())


def fetches_of(record: Record, item: Fact) -> tuple[Exchange, ...]:
    """Give the requests for the content of a held component, since it was published."""
    return tuple(
        exchange
        for exchange in record.of("fetch-component", name=item.data["name"])
        if exchange.method == "GET" and exchange.params.get("digest") == item.data["digest"]
    )


def _final(record: Record, deployment: str) -> Report | None:
    fact = publication(record, deployment)
    reports = reports_after(record, fact.at if fact else 0.0, deployment)
    return next((report for report in reversed(reports) if report.state in ("installed", "failed")), None)


def _refused(record: Record, deployment: str) -> Iterator[Judgement]:
    """Judge that an archive that was fetched is neither installed nor run, and that the failure is reported."""
    items, fact = held(record, deployment), publication(record, deployment)
    asked = [exchange for item in items for exchange in fetches_of(record, item)]
    expected = "fetched, and reported failed"
    if fact is None or not asked:
        yield unseen(expected, "the component was never fetched from the bench's registry")
        return
    reports = reports_after(record, asked[0].at, deployment)
    taken = [report for report in reports if report.state == "installed"]
    failed = [report for report in reports if report.state == "failed"]
    if not taken and not failed and len(polls_after(record, asked[0].finished)) < 2:
        yield unseen(expected, "fewer than two polls came afterwards", asked[0])
        return
    shown = [report.exchange for report in (taken or failed)[:2]]
    found = ", ".join(str(report.state) for report in reports) or "silence"
    yield expect(bool(failed) and not taken, asked[0], *shown, expected=expected, found=found)
    seen = record.last_fact("workloads")
    if seen is not None and seen.at > asked[0].at:
        running = seen.data["running"].get(deployment, {})
        told = ", ".join(running) or "nothing of it runs"
        yield expect(not running, seen, expected="nothing of it runs", found=told)


@check("CMP-12", role="device")
def altered_component_is_refused(record: Record, deployment: str) -> Iterator[Judgement]:
    """A component whose bytes do not have the digest that its manifest names is not installed, and has failed."""
    yield from _refused(record, deployment)


@check("CMP-10", role="device")
def archive_that_leads_out_is_refused(record: Record, deployment: str) -> Iterator[Judgement]:
    """An archive with an entry that leads out of its directory is not installed, and has failed."""
    yield from _refused(record, deployment)


@check("DS-002", "DS-074", role="device")
def wrong_layout_is_answered(record: Record, deployment: str) -> Iterator[Judgement]:
    """Whatever a device makes of an archive that is laid out wrongly, it says how its deployment ended."""
    asked = [exchange for item in held(record, deployment) for exchange in fetches_of(record, item)]
    if not asked:
        yield unseen("installed or failed", "the component was never fetched from the bench's registry")
        return
    report = _final(record, deployment)
    shown = (report.exchange,) if report else ()
    found = str(report.state) if report else "neither was reported"
    yield expect(report is not None, asked[0], *shown, expected="installed or failed is reported", found=found)
    yield noted(f"an archive that CMP-05 does not allow ended {found}", *shown, expected="failed")


@check("CMP-06", role="device")
def directory_name_means_nothing(record: Record, deployment: str) -> Iterator[Judgement]:
    """The Compose file is found whatever the directory in the archive is called."""
    yield from _taken(record, deployment)


@check("CMP-10", "CMP-12", role="device")
def undamaged_component_is_taken(record: Record, deployment: str) -> Iterator[Judgement]:
    """A component that keeps the rules is fetched by its digest, and installed."""
    yield from _taken(record, deployment)


def _taken(record: Record, deployment: str) -> Iterator[Judgement]:
    items, fact = held(record, deployment), publication(record, deployment)
    report = installed(record, fact) if fact else None
    last = record.last_report(deployment)
    if fact is None or not items:
        yield unseen("fetched, then installed", "the registry holds nothing for it")
        return
    said = f"{last.state}: {last.error}" if last else "no report"
    shown = (last.exchange,) if last else ()
    for item in items:
        asked = [exchange for exchange in fetches_of(record, item) if exchange.status == 200]
        if not asked and report is not None:
            # what a device has from before need not be fetched again, and other ways to have it are not excluded
            yield unseen("fetched, then installed", f"{item.data['component']} was installed without being fetched")
            continue
        found = f"{len(asked)} fetches of {item.data['component']}, {said}"
        yield expect(report is not None, *asked[:1], *shown, expected="fetched, then installed", found=found)


@check("APP-01", role="device")
def components_are_begun_in_their_order(record: Record, deployment: str) -> Iterator[Judgement]:
    """The components are fetched and installed in the order in which the deployment lists them."""
    fact = publication(record, deployment)
    names = list(fact.data["components"]) if fact else []
    first: dict[str, Exchange] = {}
    for item in held(record, deployment):
        for exchange in record.of("resolve-component", name=item.data["name"]):
            if fact is not None and exchange.at > fact.at:
                first.setdefault(item.data["component"], exchange)
    if len(names) < 2 or len(first) < len(names):
        yield unseen(" before ".join(names), f"{len(first)} of {len(names)} components were asked for")
        return
    order = sorted(first, key=lambda name: first[name].at)
    shown = [first[name] for name in order]
    yield expect(order == names, *shown, expected=" before ".join(names), found=" before ".join(order))


@check("CMP-16", role="device")
def health_is_waited_for(record: Record, deployment: str) -> Iterator[Judgement]:
    """A project that says how its health is told is reported installed only once it is healthy."""
    script, fact = record.last_fact("component-script"), publication(record, deployment)
    claims = [item for item in reports_after(record, fact.at if fact else 0.0, deployment) if item.state == "installed"]
    if script is None or fact is None or not claims:
        yield unseen("installed once it is healthy", "nothing that takes a while to be healthy was installed")
        return
    if why := component_doubt(record, deployment):
        yield unseen("installed once it is healthy", why, script, claims[0].exchange)
        return
    took, needed = claims[0].exchange.at - fact.at, float(script.data.get("seconds", 0.0))
    expected = f"not within {needed:g} s"
    yield expect(took >= needed * 0.95, fact, claims[0].exchange, expected=expected, found=f"after {took:.2f} s")


@check("DEP-04", "DS-072", role="device")
def unknown_parameter_is_passed_over(record: Record, deployment: str) -> Iterator[Judgement]:
    """A parameter whose target nobody knows keeps nothing from being installed."""
    fact = publication(record, deployment)
    last = record.last_report(deployment)
    offer = served_version(record, fact.data["version"]) if fact else None
    if fact is None or offer is None:
        yield unseen("installed", "it was never offered")
        return
    right = installed(record, fact) is not None
    found = f"{last.state}: {last.error}" if last else "no report of it"
    shown = [last.exchange] if last else []
    yield expect(right, fact, offer.exchange, *shown, expected="installed", found=found)


# --- what runs -------------------------------------------------------------------------------------------------------


def inspected(record: Record, deployment: str) -> tuple[Fact | None, Mapping[str, Mapping[str, Any]]]:
    """Give what was seen last when the device was looked into, and what was there of a deployment."""
    fact = record.last_fact("inspected")
    return fact, (fact.data["deployments"].get(deployment, {}) if fact else {})


@check("OBS-10", role="device", interpretations=("A-21",))
def containers_are_told_of_the_collector(record: Record, deployment: str) -> Iterator[Judgement]:
    """Every container of a workload is told by its environment where the device's collector is."""
    fact, components = inspected(record, deployment)
    containers = [
        (f"{part}/{name}", environment)
        for part, component in components.items()
        for name, environment in component["containers"].items()
    ]
    if fact is None or not containers:
        yield unseen(f"{COLLECTOR} in every container", "no container could be looked into")
        return
    lacking = [name for name, environment in containers if not environment.get(COLLECTOR)]
    found = f"not in {', '.join(lacking)}" if lacking else f"in all {len(containers)}"
    yield expect(not lacking, fact, expected=f"{COLLECTOR} in every container", found=found)


@check("CMP-11", role="device")
def special_bits_are_not_kept(record: Record, deployment: str) -> Iterator[Judgement]:
    """No file that was unpacked of an archive has a setuid, setgid or sticky bit, whatever the archive gives it."""
    fact, parts = inspected(record, deployment)
    modes = {f"{part}/{path}": mode for part, one in parts.items() for path, mode in one.get("files", {}).items()}
    special = [item for item in held(record, deployment) if "special permissions" in item.data["odd"]]
    if fact is None or not modes or not special:
        yield unseen("no special bit is kept", "the permissions of what was unpacked are not told", *special)
        return
    kept = [f"{path}: {mode}" for path, mode in modes.items() if int(mode, 8) & SPECIAL_BITS]
    told = ", ".join(kept) or f"none in {len(modes)} files"
    yield expect(not kept, fact, *special[:1], expected="no special bit is kept", found=told)
    yield noted(f"permissions: {', '.join(sorted(set(modes.values())))}", fact, expected="(normalised)")


@check("OBS-06", role="device")
def nothing_runs_beside_a_workload(record: Record, deployment: str) -> Iterator[Judgement]:
    """A workload without a sidecar is taken as it is: what runs are the containers that it brings."""
    fact, parts = inspected(record, deployment)
    brought = {item.data["component"]: item.data["containers"] for item in held(record, deployment)}
    if fact is None or not parts or not all(brought.get(part) and one["containers"] for part, one in parts.items()):
        yield unseen("the containers that it brings", "what a component brings, or what runs of it, is not known")
        return
    for part, one in parts.items():
        running, own = sorted(one["containers"]), brought[part]
        # a runtime may make a name of its own of that of the service, such as project-main-1
        right = len(running) == len(own) and all(any(name in found for found in running) for name in own)
        expected = f"{part}: {', '.join(own)}"
        yield expect(right, fact, expected=expected, found=f"{part}: {', '.join(running)}")


@check("DS-072", role="device")
def parameters_reach_their_components(record: Record, deployment: str) -> Iterator[Judgement]:
    """Each value of a deployment's parameters arrives where its targets say, and nowhere else."""
    seen, components = inspected(record, deployment)
    fact = publication(record, deployment)
    spec = fact.data["document"]["spec"] if fact else {}
    if seen is None or not components or not spec.get("parameters"):
        yield unseen("each value at its target", "no component with parameters could be looked into")
        return
    for name, component in components.items():
        wanted = _values_for(spec, name)
        found = {pointer: _at(component["configuration"], pointer) for pointer in wanted}
        yield expect(found == wanted, seen, expected=f"{name}: {wanted}", found=f"{name}: {found}")
        strange = sorted(set(_leaves(component["configuration"])) - set(wanted))
        told = ", ".join(strange) or "nothing else"
        yield expect(not strange, seen, expected=f"{name}: nothing else", found=f"{name}: {told}")


def _values_for(spec: Mapping[str, Any], component: str) -> dict[str, Any]:
    return {
        target["pointer"]: parameter.get("value")
        for parameter in spec["parameters"].values()
        for target in parameter["targets"]
        if component in target["components"]
    }


def _at(configuration: Any, pointer: str) -> Any:
    if isinstance(configuration, Mapping) and pointer in configuration:
        return configuration[pointer]
    value = configuration
    for step in pointer.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _leaves(value: Any, path: Sequence[str] = ()) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, (*path, str(name)))
    else:
        yield ".".join(path)
