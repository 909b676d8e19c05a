"""What the devices of a fleet show of themselves, by revision: an SVID and a context each, or a key that signs."""

import ssl
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from simulator.fleet.live.manner import Manner, Signed
from simulator.fleet.live.plan import Revision
from simulator.fleet.live.tls import CLIENTS, LIFETIME, Wallet
from simulator.identity.client_certificate import CERTIFICATE_FILE, KEY_FILE, ClientCertificate
from simulator.identity.errors import CredentialError
from simulator.identity.files import read_file
from simulator.identity.web import WebAnchors, WebAuthority

ROOT_FILE = "root-ca.pem"


class Credentials(Protocol):
    """Lets devices in at the WFM."""

    def enter(self, name: str) -> tuple[ssl.SSLContext, Manner]:
        """Give a device its TLS context and its manner of speaking. Raises CredentialError, ssl.SSLError."""


class SignedWallet:
    """Devices that sign, over TLS that authenticates the server only: one context for all.

    A device has the certificate in `clients/<name>/` of the folder, or else a new one on P-256.
    """

    def __init__(self, anchors: WebAnchors, folder: Path | None = None) -> None:
        self._context = anchors.client_context(allow_tls12=False)
        self._folder = folder
        self._issuer = WebAuthority.new().root

    @classmethod
    def open(cls, folder: Path) -> "SignedWallet":
        """Take a folder as `serve wfm --revision 1.0.0-rc.2-signed` writes it. Raises CredentialError."""
        file = folder / ROOT_FILE
        anchors = WebAnchors(read_file(file, "the root certificate of the WFM's server"))
        try:
            return cls(anchors, folder)
        except (ValueError, OSError) as error:
            raise CredentialError(file, "certificate", "certificates in PEM", str(error)) from None

    def enter(self, name: str) -> tuple[ssl.SSLContext, Manner]:
        """Give the one context, and a manner with a key of the device's own."""
        folder = (self._folder or Path()) / CLIENTS / name
        if self._folder is not None and folder.is_dir():
            own = ClientCertificate.load(folder / CERTIFICATE_FILE, folder / KEY_FILE)
        else:
            own = ClientCertificate.issue(self._issuer)
        return self._context, Signed(own)


def open_credentials(revision: Revision, folder: Path, lifetime: timedelta = LIFETIME) -> Credentials:
    """Take an identity folder as `serve wfm --identity` writes it for a revision. Raises CredentialError."""
    return Wallet.open(folder, lifetime) if revision == "1.0.0-rc.3" else SignedWallet.open(folder)
