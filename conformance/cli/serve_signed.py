"""`serve wfm --revision 1.0.0-rc.2-signed`: the reference WFM whose clients onboard and sign.

    root-ca.pem                                      what vouches for the WFM's HTTPS server
    clients/<name>/client.pem, client_key.pem        certificates for sample clients, kept from one start to the next

Everything in the folder is for tests only; the server's root is made anew at each start.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from conformance.bench.wfm_binding import ANCHORS_FILE, CLIENTS
from conformance.cli.console import stdout
from simulator.identity.client_certificate import (
    CERTIFICATE_FILE,
    KEY_FILE,
    CertificateEncoding,
    ClientCertificate,
    fingerprint,
)
from simulator.identity.files import write_private
from simulator.identity.web import WebAuthority
from simulator.protocol.signed import CERTIFICATE_PATH
from simulator.wfm.packages import Package
from simulator.wfm.server import WfmConfig
from simulator.wfm.signed import SignedFront
from simulator.wfm.signed_server import SignedWfm


@dataclass(frozen=True, slots=True)
class SignedHouse:
    """What the WFM is started with. `accepted`: only the sample clients are taken in, not everybody."""

    folder: Path
    clients: tuple[str, ...]
    hosts: frozenset[str]
    accepted: bool
    encoding: CertificateEncoding = "pem"

    def front(self) -> SignedFront:
        """Write the folder; give what the WFM shows. Raises CredentialError, OSError."""
        web, issuer = WebAuthority.new(), WebAuthority.new()
        write_private(self.folder / ANCHORS_FILE, web.anchors.pem)
        own = [self._client(name, issuer) for name in self.clients]
        names = [host for host in self.hosts if not _is_address(host)]
        addresses = [host for host in self.hosts if _is_address(host)]
        accepted = frozenset(fingerprint(item.certificate) for item in own) if self.accepted else None
        return SignedFront(
            web.issue(sorted(names), sorted(addresses)),
            web.root.certificate,
            accepted,
            certificate_encoding=self.encoding,
        )

    def client(self, name: str) -> Path:
        """Give the folder of a sample client."""
        return self.folder / CLIENTS / name

    def _client(self, name: str, issuer: WebAuthority) -> ClientCertificate:
        place = self.client(name)
        if (place / CERTIFICATE_FILE).exists() and self.accepted:
            return ClientCertificate.load(place / CERTIFICATE_FILE, place / KEY_FILE)
        made = ClientCertificate.issue(issuer.root)
        made.write(place)
        return made


async def serve(config: WfmConfig, house: SignedHouse, packages: tuple[Package, ...], stop: asyncio.Event) -> None:
    """Serve until stopped."""
    console = stdout()
    async with SignedWfm(config, house.front()) as wfm:
        for package in packages:
            await wfm.northbound.upload(package)
        for line in sheet(wfm, house):
            console.print(line, markup=False, soft_wrap=True)
        console.file.flush()
        await stop.wait()
    console.print("stopped")


def sheet(wfm: SignedWfm, house: SignedHouse) -> Iterator[str]:
    """Give the lines of the connection sheet."""
    config = wfm.config
    url = f"https://{min(house.hosts, key=_preference)}:{wfm.management_port}"
    operator = f"http://{config.operator_host}"
    yield "reference WFM of revision 1.0.0-rc.2-signed: clients onboard with a certificate and sign their requests"
    yield f"  listening on  {config.host} port {wfm.management_port}"
    yield f"  management    {url}"
    yield f"  northbound    {operator}:{wfm.northbound_port}/northbound/v1   (for operators)"
    if wfm.control_port is not None:
        yield f"  control       {operator}:{wfm.control_port}   (faults)"
    yield f"  accepts       {', '.join(house.clients) if house.accepted else 'every valid certificate'}"
    yield "credentials (for tests only)"
    yield f"  root CA       {house.folder / ANCHORS_FILE}"
    for name in house.clients:
        yield f"  {name:<12}  {house.client(name) / CERTIFICATE_FILE}, {house.client(name) / KEY_FILE}"
    yield "try"
    yield f"  curl --cacert {house.folder / ANCHORS_FILE} {url}{CERTIFICATE_PATH}"
    control = f" --control {operator}:{wfm.control_port}" if wfm.control_port is not None else ""
    yield (
        f"  margo-conformance run wfm --revision 1.0.0-rc.2-signed --url {url} --identity {house.folder} "
        f"--northbound {operator}:{wfm.northbound_port}{control}"
    )
    yield "Ctrl-C ends it."


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _preference(host: str) -> tuple[bool, bool]:
    """Put a true name first, then `localhost`, then addresses."""
    return _is_address(host), host == "localhost"
