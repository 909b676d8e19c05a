"""Broken devices that ask for more than the text does, say more than is true, or come at another pace than theirs."""

from dataclasses import replace
from typing import Any

from cryptography import x509

from simulator.device.agent import Agent
from simulator.device.desired_state import UpdateRefused
from simulator.device.durable import Fault, Report
from simulator.device.mutant import Change, Mutant, with_agent
from simulator.device.revisions import Revision
from simulator.device.transport import HttpTransport
from simulator.identity.errors import SvidRefused
from simulator.identity.handshake import Peer, PeerCheckingObject
from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.documents import canonical_json, parse_json
from simulator.protocol.manifest import DeploymentRef
from simulator.protocol.status import State

HURRY = 8
"""How many times too often a device in a hurry polls."""


class _LooksAtHosts(PeerCheckingObject):
    """Takes no certificate that names hosts, but not the one that it connected to."""

    def _check_peer(self) -> Peer:
        peer = super()._check_peer()
        names = _leaf(self).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        hosts = names.get_values_for_type(x509.DNSName)
        if hosts and "localhost" not in hosts:
            raise SvidRefused("ID-24", f"the certificate is for {', '.join(hosts)}")
        return peer


class _InsistsOnStatus(PeerCheckingObject):
    """Takes no certificate whose status it could ask for and is not told."""

    def _check_peer(self) -> Peer:
        peer = super()._check_peer()
        if any(isinstance(item.value, x509.CRLDistributionPoints) for item in _leaf(self).extensions):
            raise SvidRefused("ID-35", "nobody tells whether the certificate was revoked")
        return peer


class _TakesNoPss(PeerCheckingObject):
    """Takes no certificate that is signed with the newer padding, whatever its supplier says."""

    def _check_peer(self) -> Peer:
        peer = super()._check_peer()
        if _leaf(self).signature_algorithm_oid == x509.SignatureAlgorithmOID.RSASSA_PSS:
            raise SvidRefused("ID-23", "the certificate is signed with RSA-PSS")
        return peer


def _leaf(connection: PeerCheckingObject) -> x509.Certificate:
    return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")


def _connecting(object_class: type[PeerCheckingObject]) -> Change:
    """A device whose connections check their peer in another way."""

    class Connects(HttpTransport):
        """Makes other connections."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.context.object_class = object_class

    return lambda config: replace(config, transport_class=Connects)


class AddsCoresUp(Agent):
    """Takes all its CPUs for one."""

    def refusal(self, revision: Revision, device: DeviceCapabilities) -> Fault | None:
        """As if one CPU had all cores."""
        wire = device.to_wire()
        cpus = wire["properties"].get("cpus", [])
        total = sum(cpu["cores"] for cpu in cpus)
        wire["properties"]["cpus"] = [{**cpu, "cores": max(total, 2 * cpu["cores"])} for cpu in cpus]
        return super().refusal(revision, DeviceCapabilities.from_wire(wire))


class RefusesUnknownParameters(Agent):
    """Takes no desired state with a parameter that leads nowhere it knows."""

    def read_deployment(self, ref: DeploymentRef, data: bytes) -> Revision:
        """Look at every parameter."""
        revision = super().read_deployment(ref, data)
        for name, parameter in (revision.deployment.spec.parameters or {}).items():
            if any("nobody" in target.pointer for target in parameter.targets):
                raise UpdateRefused(f"parameter {name} is not known")
        return revision


class ComesBackAfterRemoval(Agent):
    """Says installed once more after it said removed."""

    def enqueue(self, report: Report) -> None:
        """Follow the last word with a wrong one."""
        super().enqueue(report)
        document = parse_json(report.body, "status report")
        if document["status"]["state"] == State.REMOVED:
            entries = [{**entry, "state": State.INSTALLED.value} for entry in document["components"]]
            wrong = {**document, "status": {"state": State.INSTALLED.value}, "components": entries}
            super().enqueue(Report(report.deployment_id, canonical_json(wrong)))


class InAHurry(Agent):
    """Polls several times as often as it is set to."""

    def schedule_poll(self, delay_s: float) -> None:
        """Far too soon."""
        super().schedule_poll(delay_s / HURRY)


STRICT_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "checks-host-name", "ID-24", "takes no WFM whose certificate names another host", _connecting(_LooksAtHosts)
    ),
    Mutant(
        "insists-on-revocation-status",
        "ID-25",
        "takes no certificate whose revocation status it is not told",
        _connecting(_InsistsOnStatus),
    ),
    Mutant(
        "takes-no-pss",
        "ID-23",
        "is said to take RSA, and takes it with one padding only",
        _connecting(_TakesNoPss),
        needs="rsa-or-eddsa",
    ),
    Mutant(
        "adds-cores-up",
        "DC-022",
        "takes the cores of all its CPUs together",
        with_agent(AddsCoresUp),
        "capacity-check",
        only="1.0.0-rc.3",  # deployments of the earlier one do not say how many cores they need
    ),
    Mutant(
        "refuses-unknown-parameters",
        "DS-072",
        "takes no desired state with a parameter that it does not know",
        with_agent(RefusesUnknownParameters),
    ),
    Mutant(
        "comes-back-after-removal",
        "DS-073",
        "reports installed after it reported removed",
        with_agent(ComesBackAfterRemoval),
    ),
    Mutant("polls-in-a-hurry", "DT-005", "polls much more often than it is set to", with_agent(InAHurry)),
)
"""Devices that go beyond the text, or beyond the truth."""
