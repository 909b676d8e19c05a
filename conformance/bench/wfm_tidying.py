"""Cleaning up after a scenario at a WFM that goes on living: deployments, devices and clients it made."""

from conformance.bench.errors import Blocked, NotSeen
from conformance.bench.northbound import NorthboundError
from conformance.bench.wfm_bench import WfmBench
from conformance.bench.wfm_clients import Client
from simulator.protocol.operations import capabilities_path


def tidy(bench: WfmBench) -> None:
    """Take back what the scenario's clients were given, report it removed, withdraw their devices, forget them.

    What could not be taken away is noted as left behind; cleaning up never changes a verdict.
    """
    northbound, clients = bench.subject.northbound, [bench.client(name) for name in bench.client_names]
    ids = {client.wfm_client_id for client in clients}
    made = [one for one in northbound.standing.values() if one.client in ids] if northbound else []
    left = [f"deployment {one.deployment}" for one in made if not _withdrawn(bench, one.deployment)]
    devices = 0
    for client in clients:
        _report_removed(bench, client)
        behind = _withdraw_devices(client)
        devices += len(client.devices) - len(behind)
        left += behind
        if northbound is not None and northbound.can("forget"):
            left += [] if _done(bench, "forget", client=client.wfm_client_id) else [f"client {client.wfm_client_id}"]
    bench.note("cleaned-up", deployments=len(made), devices=devices, clients=sorted(ids), left=left)


def _withdrawn(bench: WfmBench, deployment_id: str) -> bool:
    northbound = bench.subject.operator()
    try:
        northbound.withdraw(deployment_id)
    except (NorthboundError, Blocked):
        northbound.standing.pop(deployment_id, None)
        return False
    return True


def _done(bench: WfmBench, operation: str, **arguments: str) -> bool:
    try:
        bench.subject.operator().do(operation, **arguments)
    except (NorthboundError, Blocked):
        return False
    return True


def _report_removed(bench: WfmBench, client: Client) -> None:
    """Report every deployment of a client as removed, as far as its components are known."""
    for deployed in (*client.deployments.values(), *client.withdrawn):
        try:
            bench.post_status(client.name, deployed, "removed")
        except NotSeen:
            continue


def _withdraw_devices(client: Client) -> list[str]:
    """Withdraw the devices of a client, the ones behind a gateway first; gives what stays."""
    devices = sorted(client.devices, key=lambda name: name.count("/"), reverse=True)
    return [f"device {device} of client {client.wfm_client_id}" for device in devices if not _gone(client, device)]


def _gone(client: Client, device: str) -> bool:
    try:
        return client.probe.send("DELETE", capabilities_path(device)).status in (204, 404)
    except NotSeen:  # the WFM was given up
        return False
