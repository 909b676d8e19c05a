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
ANYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 - what a user typed, compared and never bound here
_ELSEWHERE = ("192.0.2.1", 9)
"""An address for documentation (RFC 5737): nothing is sent there, but the system says which of ours it would use."""


STEPS = (
    "How to connect the device:",
    "1. Install the SVID with its chain and key as the device's client credential (PEM).",
    "2. Install the trust bundle (a SPIFFE bundle) or, where the device wants PEM, the trust anchors.",
    "   A device that retrieves its bundle is given the discovery URL and the anchors of that service instead.",
    "3. Set the WFM URL. The WFM is known by its SPIFFE ID, not by the host name of that URL.",
    "4. Switch the device on. It reports its capabilities, then polls for its desired state.",
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
        "WFM URL": world.url,
        "Trust domain": str(world.wfm_identity.trust_domain),
        "WFM": str(world.wfm_identity),
        "Device's client": str(world.client_identity),
        "Client id": CLIENT_ID,
        "SVID with chain": str(certificate),
        "SVID key": str(key),
        "SVID valid until": world.device_svid.leaf.not_valid_after_utc.isoformat(timespec="minutes"),
        "Trust bundle": str(bundle),
        "Trust anchors": str(anchors),
    }
    if world.mis is not None:
        web = folder / "identity-service-anchors.pem"
        web.write_bytes(world.mis.web_authority.anchors.pem)
        entries |= {"Discovery URL": world.mis.discovery_url, "Its anchors": str(web)}
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
