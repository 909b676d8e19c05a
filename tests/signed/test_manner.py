"""How a device signs, as it is said on the command line: each algorithm, both encodings, and what is refused."""

import base64
from pathlib import Path
from typing import get_args

import pytest

from conformance.bench.device_signed import ROOT_CA
from conformance.cli.signing_files import Manner, signing_of
from simulator.device.signed import SignedTransport
from simulator.identity.authority import Authority
from simulator.identity.client_certificate import ClientCertificate
from simulator.identity.signatures import Algorithm
from simulator.identity.web import WebAuthority
from tests.cli.commands import assert_refused, call

REVISION = "1.0.0-rc.2-signed"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / ROOT_CA).write_bytes(WebAuthority.new().anchors.pem)
    return tmp_path


@pytest.mark.parametrize("encoding", ["der", "pem"])
@pytest.mark.parametrize("algorithm", get_args(Algorithm))
def test_a_device_signs_and_writes_its_certificate_as_it_is_told(
    folder: Path, algorithm: Algorithm, encoding: str
) -> None:
    ClientCertificate.issue(Authority.new("plant.example").intermediate, algorithm).write(folder)
    signing = signing_of(folder, None, None, None, Manner.of(algorithm, encoding))
    transport = SignedTransport("https://localhost:1", signing)
    assert transport.signer.algorithm == algorithm
    written = base64.b64decode(str(transport.onboarding()["certificate"]))
    assert written.startswith(b"-----BEGIN") is (encoding == "pem")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--algorithm", "rsa-pss"), "unknown-algorithm", "did you mean rsa-pss-sha256?"),
        (("--certificate-encoding", "dre"), "unknown-encoding", "did you mean der?"),
        (("--algorithm", "rsa-pss-sha256"), "credential", "expected a key for rsa-pss-sha256, found EC on secp256r1"),
    ],
)
def test_what_the_device_cannot_do_is_refused(folder: Path, options: tuple[str, ...], code: str, words: str) -> None:
    ClientCertificate.issue(Authority.new("plant.example").intermediate).write(folder)
    where = ("--wfm", "https://localhost:1", "--identity", folder)
    assert_refused(call("serve", "device", *where, "--revision", REVISION, *options), code, words)


def test_a_revision_that_signs_nothing_has_no_algorithm(folder: Path) -> None:
    ended = call(
        "serve", "device", "--wfm", "https://localhost:1", "--identity", folder, "--algorithm", "rsa-pss-sha256"
    )
    assert_refused(ended, "usage", "1.0.0-rc.3 nothing is signed", REVISION)
