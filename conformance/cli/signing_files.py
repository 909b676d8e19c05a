"""What a client that signs is given on the command line: a certificate with its key, and the root of the WFM."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self, cast, get_args

from conformance.bench.device_signed import ROOT_CA
from conformance.bench.device_world import HANDED
from conformance.cli.problems import Misuse
from conformance.cli.roles import unknown
from simulator.device.signed import Signing
from simulator.identity.client_certificate import CERTIFICATE_FILE, KEY_FILE, CertificateEncoding, ClientCertificate
from simulator.identity.files import read_file
from simulator.identity.signatures import Algorithm
from simulator.identity.web import WebAnchors

HINT = "`run device --listen ... --revision 1.0.0-rc.2-signed` writes such a folder"


@dataclass(frozen=True, slots=True)
class Manner:
    """How a client signs and writes its certificate, as far as that was said."""

    algorithm: Algorithm | None = None
    encoding: CertificateEncoding = "der"

    @classmethod
    def of(cls, algorithm: str | None, encoding: str | None) -> Self:
        """Read both options. Raises Misuse with the nearest known name."""
        known = get_args(Algorithm)
        if algorithm is not None and algorithm not in known:
            raise unknown("algorithm", algorithm, known)
        return cls(cast("Algorithm | None", algorithm), encoding_of(encoding))


def encoding_of(text: str | None, usual: CertificateEncoding = "der") -> CertificateEncoding:
    """Read the encoding of a certificate inside the Base64 (AMB-B-16). Raises Misuse."""
    known = get_args(CertificateEncoding)
    if text is not None and text not in known:
        raise unknown("encoding", text, known)
    return cast("CertificateEncoding", text or usual)


def signing_of(
    folder: Path | None, certificate: Path | None, key: Path | None, root: Path | None, manner: Manner | None = None
) -> Signing:
    """Load what a device signs with, from a folder or from three files. Raises Misuse, CredentialError."""
    how = manner or Manner()
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
    return Signing(ClientCertificate.load(certificate, key, how.algorithm), anchors, how.encoding)
