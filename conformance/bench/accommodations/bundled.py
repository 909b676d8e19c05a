"""Deployments that a WFM serves in its bundle only: taken out of it, by the digest that was promised."""

from conformance.bench.accommodations.dialect import Dialect, dropped
from conformance.bench.accommodations.model import FromBundle
from conformance.bench.accommodations.speaking import digest_of
from conformance.bench.recorder import Recorder
from conformance.bench.wfm_clients import Client
from conformance.checks.wfm.archive import Unreadable, opened
from conformance.record.events import Exchange


def from_bundle(client: Client, exchange: Exchange, dialect: Dialect, recorder: Recorder) -> Exchange:
    """Give an exchange as it is read: a deployment of the client's manifest that is not found, from its bundle."""
    missing = exchange.operation == "fetch-deployment" and exchange.status == 404
    if not missing or client.seen is None or dialect.having(FromBundle) is None:
        return exchange
    asked, promised = exchange.params.get("deploymentId"), exchange.params.get("digest")
    url = (client.seen.bundle or {}).get("url")
    named = any((ref.get("deploymentId"), ref.get("digest")) == (asked, promised) for ref in client.seen.refs)
    if not isinstance(url, str) or not named:
        return exchange
    bundle = client.probe.send("GET", url)
    dropped(recorder, (bundle,))
    try:
        files = opened(bundle.response.data or b"").files if bundle.status == 200 else {}
    except Unreadable:
        return exchange
    document = next((data for data in files.values() if digest_of(data) == promised), None)
    return exchange if document is None else dialect.took_from_bundle(exchange, document, recorder)
