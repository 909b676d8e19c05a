"""What a client that signs is given on the command line: a certificate with its key, and the root of the WFM."""

from pathlib import Path

from conformance.bench.device_signed import ROOT_CA
from conformance.bench.device_world import HANDED
from conformance.cli.problems import Misuse
from simulator.device.signed import Signing
from simulator.identity.client_certificate import CERTIFICATE_FILE, KEY_FILE, ClientCertificate
from simulator.identity.files import read_file
from simulator.identity.web import WebAnchors

HINT = "`run device --listen ... --revision 1.0.0-rc.2-signed` writes such a folder"


def signing_of(folder: Path | None, certificate: Path | None, key: Path | None, root: Path | None) -> Signing:
    """Load what a device signs with, from a folder or from three files. Raises Misuse, CredentialError."""
    if folder is not None:
        inner = folder / HANDED if (folder / HANDED).is_dir() else folder
        if not inner.is_dir():
            raise Misuse("missing-file", f"{folder}: no folder with a client certificate there", HINT)
        certificate, key, root = inner / CERTIFICATE_FILE, inner / KEY_FILE, inner / ROOT_CA
    if certificate is None or key is None or root is None:
        given = {"--certificate": certificate, "--key": key, "--root-ca": root}
        missing = ", ".join(name for name, path in given.items() if path is None)
        raise Misuse("usage", f"credentials: expected --identity, or all three files; {missing} missing", HINT)
    anchors = WebAnchors(read_file(root, "root CA"))
    try:
        anchors.client_context()
    except (ValueError, OSError) as error:
        raise Misuse("identity", f"{root}: expected certificates in PEM, found: {error}", HINT) from None
    return Signing(ClientCertificate.load(certificate, key), anchors)
