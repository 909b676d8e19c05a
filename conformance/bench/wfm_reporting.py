"""A device that reports on the deployment a scenario is about, also when that has been withdrawn meanwhile."""

from conformance.bench.errors import NotSeen
from conformance.bench.wfm_bench import WfmBench
from conformance.bench.wfm_clients import Deployed
from conformance.record.events import Exchange


def report(bench: WfmBench, name: str, state: str) -> Exchange:
    """Report the state of the client's first deployment, or of the one that was withdrawn last."""
    return bench.post_status(name, _deployed(bench, name), state)


def _deployed(bench: WfmBench, name: str) -> Deployed:
    client = bench.client(name)
    for deployed in (*client.deployments.values(), *reversed(client.withdrawn)):
        return deployed
    raise NotSeen(f"client {name} has been given nothing to report on")
