"""The connection sheet: everything that has to be configured on a device before it can come to the bench."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from conformance.bench.device_world import CLIENT_ID, World
from simulator.identity.files import write_private

SHEET = "connection.txt"
DOCUMENT = "connection.json"
WFM_URL, TRUST_DOMAIN = "WFM URL", "Trust domain"
SVID, SVID_KEY = "SVID with chain", "SVID key"
BUNDLE_FILE = "Trust bundle"
DISCOVERY, BUNDLE_URL = "Discovery URL", "Trust bundle URL"
REGISTRY = "Component registry"
ANCHORS = "Web anchors"
"""Names of entries that programs look for."""
ANYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - what a user typed, compared and never bound here
_ELSEWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737): nothing is sent there, but the system says which of ours it would use."""


STEPS = (
    "How to connect the device:",
    "1. Install the SVID with its chain and key as the device's client credential (PEM).",
    "2. Install the trust bundle (a SPIFFE bundle) or, where the device wants PEM, the trust anchors.",
    "   A device that retrieves its bundle is given the discovery URL instead, with the web anchors to know that",
    "   service by, and the trust bundle URL for when there is no discovery document.",
    "3. Set the WFM URL. The WFM is known by its SPIFFE ID, not by the host name of that URL.",
    "4. Have what fetches components trust the web anchors for the component registry (OCI over HTTPS, no login).",
    "5. Switch the device on. It reports its capabilities, then polls for its desired state.",
)
"""What a person does with the sheet of a device that comes with an SVID."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """The sheet as it was written: its entries by name, and the folder it is in."""

    folder: Path
    entries: Mapping[str, str]

    def __str__(self) -> str:
        width = max(map(len, self.entries))
        return "\n".join(f"{name + ':':<{width + 2}}{value}" for name, value in self.entries.items())


def public_name(host: str) -> str:
    """Give the name under which a device reaches an address that is listened at: this machine's own for all of them."""
    if host not in ANYWHERE:
        return host
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_ELSEWHERE)
        except OSError:  # no network at all
            return socket.gethostname()
        return str(probe.getsockname()[0])


def write_sheet(directory: Path, world: World) -> Sheet:
    """Write the sheet for people and for programs, and the files that it names."""
    folder = (directory / "device").absolute()
    own = world.sheet(folder)
    if own is not None:
        return _written(Sheet(folder, own[0]), own[1])
    certificate, key = world.device_svid.write(folder)
    bundle, anchors = folder / "trust-bundle.json", folder / "trust-anchors.pem"
    bundle.write_bytes(world.authority.bundle().to_json())
    anchors.write_bytes(world.authority.root.certificate.public_bytes(Encoding.PEM))
    entries = {
        WFM_URL: world.url,
        TRUST_DOMAIN: str(world.wfm_identity.trust_domain),
        "WFM": str(world.wfm_identity),
        "Device's client": str(world.client_identity),
        "Client id": CLIENT_ID,
        SVID: str(certificate),
        SVID_KEY: str(key),
        "SVID valid until": world.device_svid.leaf.not_valid_after_utc.isoformat(timespec="minutes"),
        BUNDLE_FILE: str(bundle),
        "Trust anchors": str(anchors),
    }
    if world.mis is not None:
        entries |= {DISCOVERY: world.mis.discovery_url, BUNDLE_URL: world.mis.bundle_url}
    if world.registry is not None:
        entries[REGISTRY] = world.registry.address
    service = world.mis or world.registry
    if service is not None:
        web = folder / "web-anchors.pem"
        web.write_bytes(service.web_authority.anchors.pem)
        entries[ANCHORS] = str(web)
    return _written(Sheet(folder, entries), STEPS)


def _written(sheet: Sheet, steps: tuple[str, ...]) -> Sheet:
    write_private(sheet.folder / DOCUMENT, (json.dumps(dict(sheet.entries), indent=2) + "\n").encode())
    # last, since whoever waits for the sheet finds everything else there
    write_private(sheet.folder / SHEET, _text(sheet, steps).encode())
    return sheet


def _text(sheet: Sheet, steps: tuple[str, ...]) -> str:
    """Give the sheet as a person reads it; each entry stands on a line of its own as `name: value`."""
    entries = "".join(f"{name}: {value}\n" for name, value in sheet.entries.items())
    return entries + "\n" + "".join(f"# {step}\n" for step in steps)
