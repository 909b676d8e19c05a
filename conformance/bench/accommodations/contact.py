"""A first contact with a WFM of revision 1.0.0-rc.2-signed that may depart: what scenarios have to count on is settled.

It is made with a client of no scenario's, and nothing of it is judged but the departures that it shows.
"""

import time
from typing import TYPE_CHECKING

from conformance.bench.accommodations.dialect import Dialect, Standing, dropped
from conformance.bench.accommodations.model import Accommodation, CertificateIn, Route
from conformance.bench.errors import NotSeen
from conformance.bench.probe import Presented, Probe
from conformance.bench.wfm_manner import Signing
from conformance.bench.wfm_requests import as_json, capabilities
from simulator.identity.client_certificate import CertificateEncoding
from simulator.protocol.manifest import MANIFEST_MEDIA_TYPE
from simulator.protocol.operations import capabilities_path, manifest_path

if TYPE_CHECKING:
    from conformance.bench.wfm_bench import WfmBench
    from conformance.bench.wfm_binding import SignedBinding

DEVICE = "first-contact"
JSON = (("Content-Type", "application/json"),)
ACCEPT = (("Accept", MANIFEST_MEDIA_TYPE),)


def first_contact(bench: "WfmBench", binding: "SignedBinding") -> None:
    """Onboard, ask for the manifest and report a device, as far as something is still open that this tells."""
    dialect, before = bench.dialect, max((item.n for item in bench.record.exchanges), default=-1)
    try:
        probe = _onboarded(bench, binding, dialect)
        if any(isinstance(step, Route) and step.operation == "report-capabilities" for step in _open_steps(dialect)):
            report = as_json(capabilities(DEVICE))
            probe.send("PUT", capabilities_path(DEVICE), JSON, report)
            probe.send("DELETE", capabilities_path(DEVICE))
    except NotSeen:
        return  # whoever takes nobody in shows so in every scenario
    finally:
        dropped(bench.recorder, (item for item in bench.record.exchanges if item.n > before))


def _open_steps(dialect: Dialect) -> list[object]:
    return [step for item in dialect.given if dialect.standing(item) is Standing.OPEN for step in item.sent]


def _onboarded(bench: "WfmBench", binding: "SignedBinding", dialect: Dialect) -> Probe:
    """Onboard a client, and see that it is understood; if it is not, in the other encoding. Raises NotSeen."""
    item = dialect.having(CertificateIn)
    probe = _client(bench, binding, None)
    answer = probe.send("GET", manifest_path(), ACCEPT)
    understood = answer.status == 200
    if item is None or dialect.standing(item) is not Standing.OPEN:
        return probe
    if understood or answer.status not in item.shown_by:
        dialect.settle(item, Standing.ABSENT)
        return probe
    other = _client(bench, binding, _encoding(item))
    if other.send("GET", manifest_path(), ACCEPT).status == 200:
        dialect.settle(item, Standing.THERE)
        dialect.used_encoding(answer, bench.recorder)
        return other
    dialect.settle(item, Standing.ABSENT)
    return probe


def _encoding(item: Accommodation) -> CertificateEncoding:
    return next(step.encoding for step in item.sent if isinstance(step, CertificateIn))


def _client(bench: "WfmBench", binding: "SignedBinding", encoding: CertificateEncoding | None) -> Probe:
    from conformance.bench.wfm_binding import client_id_of  # noqa: PLC0415 - the binding makes this contact

    own = next(iter(binding.given.values()), None) or binding.certificate(DEVICE)
    exchange = binding.onboard(bench, DEVICE, own, encoding=encoding)
    client_id = client_id_of(exchange)
    if client_id is None:
        raise NotSeen("the WFM did not onboard a client")
    signing = Signing(own.signer(), time.time, client_id)
    return bench.probe(Presented(f"client {DEVICE}", None, client_id, manner=signing))
