"""What a client of a WFM should not get away with, tried out: wrong documents, foreign and missing content.

Each attempt is a good request with one thing changed, and is recorded with the way in which it is to be refused. What
is tried with certificates stands in `wfm_credentials`.
"""

from collections.abc import Callable, Mapping

from conformance.bench.errors import NotSeen
from conformance.bench.wfm_bench import ACCEPT_MANIFEST, JSON, WfmBench
from conformance.bench.wfm_clients import Deployed
from conformance.bench.wfm_requests import (
    CAPABILITY_DEFECTS,
    DEVICE_ID_DEFECTS,
    STATUS_DEFECTS,
    as_json,
    capabilities,
    gateway,
    status,
)
from conformance.checks.evidence import Offer
from conformance.record.events import Exchange
from simulator.protocol.operations import API_ROOT, capabilities_path, manifest_path, status_path

NEVER = "00000000-0000-4000-8000-000000000000"
NO_DIGEST = "sha256:" + "0" * 64
CONTENT: Mapping[str, Callable[[Deployed, Offer], tuple[str, str]]] = {
    "a deployment with a digest that never was": lambda deployed, _: (
        f"{API_ROOT}/deployments/{deployed.deployment_id}/{NO_DIGEST}",
        "no-deployment",
    ),
    "a deployment that never was": lambda deployed, offer: (
        f"{API_ROOT}/deployments/{NEVER}/{_digest(offer, deployed)}",
        "no-deployment",
    ),
    "a bundle with a digest that never was": lambda *_: (f"{API_ROOT}/bundles/{NO_DIGEST}", "no-bundle"),
    "a deployment by the digest of its bundle": lambda deployed, offer: (
        f"{API_ROOT}/deployments/{deployed.deployment_id}/{(offer.bundle or {}).get('digest')}",
        "no-deployment",
    ),
    "a bundle by the digest of its deployment": lambda deployed, offer: (
        f"{API_ROOT}/bundles/{_digest(offer, deployed)}",
        "no-bundle",
    ),
}
DIGESTS: Mapping[str, str] = {
    "a digest in capital letters": "SHA256:" + "A" * 64,
    "a digest that is too short": "sha256:" + "a" * 63,
    "a digest without algorithm": "a" * 64,
    "a digest of another kind": "sha512:" + "a" * 128,
    "an empty digest": "sha256:",
}
STRANGE: Mapping[str, tuple[str, str]] = {
    "a page that never was": ("GET", f"{API_ROOT}/dashboard"),
    "the manifest of a version to come": ("GET", "/api/v9/deployments"),
    "the deletion of the manifest": ("DELETE", manifest_path()),
    "a device by its id": ("GET", capabilities_path("press-1")),
}


def wrong_report(bench: WfmBench, name: str, device_id: str, defect: str) -> Exchange:
    """Report a device with one thing wrong in its document."""
    how = CAPABILITY_DEFECTS[defect]
    body = how.body(capabilities(device_id))
    exchange = bench.client(name).probe.send("PUT", capabilities_path(device_id), JSON, body)
    return bench.sent(exchange, "report-capabilities", device_id, expects=how.expects, defect=defect)


def wrong_device_id(bench: WfmBench, name: str, defect: str) -> Exchange:
    """Report a device whose id is not well-formed."""
    how = DEVICE_ID_DEFECTS[defect]
    device_id = how.device_id or ""
    exchange = bench.client(name).probe.send(
        "PUT", capabilities_path(device_id), JSON, how.body(capabilities(device_id))
    )
    return bench.sent(exchange, "report-capabilities", device_id, expects="wrong-address", defect=defect)


def early_child(bench: WfmBench, name: str, device_id: str) -> Exchange:
    """Report a device whose gateway is not known."""
    body = as_json(capabilities(device_id))
    exchange = bench.client(name).probe.send("PUT", capabilities_path(device_id), JSON, body)
    return bench.sent(exchange, "report-capabilities", device_id, expects="no-gateway", defect="an unknown gateway")


def report_gateway(bench: WfmBench, name: str, device_id: str) -> Exchange:
    """Report a gateway that hosts nothing."""
    return bench.report(name, device_id, gateway(device_id))


def report_unknown_kinds(bench: WfmBench, name: str, device_id: str) -> None:
    """Report a device with a runtime and a deployment type that nobody knows; note what the operator is shown."""
    document = capabilities(device_id)
    document["properties"]["supportedRuntimes"] = ["oci", "quantum-loom"]
    document["properties"]["supportedDeploymentTypes"] = ["helm", "compose", "punch-cards"]
    exchange = bench.report(name, device_id, document)
    shown = None
    if bench.subject.northbound is not None:
        wfm_client_id = bench.client(name).wfm_client_id
        devices = bench.operate(lambda: bench.subject.operator().devices(wfm_client_id))
        found = [item for item in devices if item.device_id == device_id]
        shown = [*found[0].runtimes, *found[0].deployment_types] if found else None
    bench.note("unknown-kinds", {"exchange": exchange}, shown=shown)


def look_at_device(bench: WfmBench, name: str, device_id: str) -> None:
    """Note how the operator is shown a device."""
    client = bench.client(name)
    devices = bench.operate(lambda: bench.subject.operator().devices(client.wfm_client_id))
    found = [item for item in devices if item.device_id == device_id]
    properties = found[0].capabilities.get("properties") if found else None
    bench.note("operator-view", client=client.identity, device=device_id, properties=properties)


def withdraw(bench: WfmBench, name: str, device_id: str) -> Exchange:
    """Withdraw a device; one that was never reported is an attempt that is to be refused."""
    reported = {fact.data.get("subject") for fact in bench.record.facts_of("sent")}
    if device_id in reported:
        return bench.withdraw_device(name, device_id)
    return withdraw_unknown(bench, name, device_id, "a device that never was")


def withdraw_unknown(bench: WfmBench, name: str, device_id: str, defect: str) -> Exchange:
    """Withdraw a device that the client does not have."""
    exchange = bench.client(name).probe.send("DELETE", capabilities_path(device_id))
    return bench.sent(exchange, "withdraw-capabilities", device_id, expects="no-device", defect=defect)


def wrong_status(bench: WfmBench, name: str, role: str, defect: str) -> Exchange:
    """Report a status with one thing wrong in its document."""
    deployed = bench.client(name).deployments[role]
    how = STATUS_DEFECTS[defect]
    body = how.body(bench.status_of(name, deployed, "installed"))
    exchange = bench.client(name).probe.send("POST", status_path(deployed.deployment_id), JSON, body)
    return bench.sent(exchange, "report-status", deployed.deployment_id, expects=how.expects, defect=defect)


def status_of_nothing(bench: WfmBench, name: str) -> Exchange:
    """Report the status of a deployment that never was."""
    body = as_json(status(NEVER, bench.client(name).last.version or 1, "installed", ("pump",)))
    exchange = bench.client(name).probe.send("POST", status_path(NEVER), JSON, body)
    return bench.sent(exchange, "report-status", NEVER, expects="no-status-target", defect="an unknown deployment")


def foreign_status(bench: WfmBench, name: str, owner: str) -> Exchange:
    """Report the status of a deployment of another client."""
    deployed = next(iter(bench.client(owner).deployments.values()))
    body = as_json(bench.status_of(owner, deployed, "failed"))
    exchange = bench.client(name).probe.send("POST", status_path(deployed.deployment_id), JSON, body)
    defect = f"a deployment of client {owner}"
    return bench.sent(exchange, "report-status", deployed.deployment_id, expects="foreign-status", defect=defect)


def content_url(bench: WfmBench, owner: str, content: str) -> str:
    """Give the address of a client's first deployment or of its bundle."""
    offer = bench.client(owner).last
    holder = offer.bundle if content == "bundle" else next(iter(offer.refs), None)
    url = (holder or {}).get("url")
    if not isinstance(url, str):
        raise NotSeen(f"the manifest of client {owner} gives no address of a {content}")
    return url


def fetch_own(bench: WfmBench, name: str, content: str) -> Exchange:
    """Fetch content of the client's own, as the good twin of asking for that of another."""
    exchange = bench.fetch(name, content_url(bench, name, content))
    return bench.sent(exchange, f"fetch-{content}", content)


def fetch_foreign(bench: WfmBench, name: str, owner: str, content: str) -> Exchange:
    """Ask for content of another client by its true address."""
    exchange = bench.fetch(name, content_url(bench, owner, content))
    defect = f"a {content} of client {owner}"
    return bench.sent(exchange, f"fetch-{content}", content, expects="foreign-deployment", defect=defect)


def fetch_missing(bench: WfmBench, name: str, content: str) -> Exchange:
    """Ask for content that does not exist."""
    client = bench.client(name)
    url, expects = CONTENT[content](next(iter(client.deployments.values())), client.last)
    request = "fetch-bundle" if expects == "no-bundle" else "fetch-deployment"
    return bench.sent(bench.fetch(name, url), request, content, expects=expects, defect=content)


def fetch_no_digest(bench: WfmBench, name: str, digest: str) -> Exchange:
    """Ask for a bundle by something that is no digest."""
    exchange = bench.fetch(name, f"{API_ROOT}/bundles/{DIGESTS[digest]}")
    return bench.sent(exchange, "fetch-manifest", digest, expects="no-digest", defect=digest)


def strange_request(bench: WfmBench, name: str, what: str) -> Exchange:
    """Make a request that is not of the interface."""
    method, path = STRANGE[what]
    exchange = bench.client(name).probe.send(method, path)
    return bench.sent(exchange, "fetch-manifest", what, expects="no-such-thing", defect=what)


def everything(bench: WfmBench, name: str, device_id: str) -> list[Exchange]:
    """Try each operation once, whatever comes of it."""
    probe = bench.client(name).probe
    body = as_json(capabilities(device_id))
    report = as_json(status(NEVER, 1, "installed", ("pump",)))
    return [
        probe.send("GET", manifest_path(), ACCEPT_MANIFEST),
        probe.send("PUT", capabilities_path(device_id), JSON, body),
        probe.send("GET", f"{API_ROOT}/deployments/{NEVER}/{NO_DIGEST}"),
        probe.send("GET", f"{API_ROOT}/bundles/{NO_DIGEST}"),
        probe.send("POST", status_path(NEVER), JSON, report),
        probe.send("DELETE", capabilities_path(device_id)),
    ]


def retire(bench: WfmBench, name: str) -> None:
    """End the relationship with a client."""
    client = bench.client(name)
    bench.operate(lambda: bench.subject.operator().do("retire", client=client.wfm_client_id))
    bench.spend(name)
    bench.note("retired", client=client.identity)


def _digest(offer: Offer, deployed: Deployed) -> str:
    found = (str(ref.get("digest")) for ref in offer.refs if ref.get("deploymentId") == deployed.deployment_id)
    return next(found, NO_DIGEST)
