"""The suite's own reading of signatures: it agrees with who signs, and with a library, and notices every change."""

from dataclasses import dataclass

import http_message_signatures as other
import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from http_message_signatures import algorithms
from hypothesis import given
from hypothesis import strategies as st

from conformance.checks.device.signing import (
    Signature,
    algorithm_of,
    base_of,
    digest_problem,
    signature_of,
    suits_an_algorithm,
)
from conformance.record.events import Exchange
from simulator.identity.client_certificate import ClientCertificate
from simulator.identity.signatures import Algorithm
from tests.suite_signed.requests import HOST, NOW, OWN, body_of, certificate, changed, signed

ALGORITHMS: tuple[Algorithm, ...] = ("ecdsa-p256-sha256", "ecdsa-p384-sha384", "rsa-v1_5-sha256", "rsa-pss-sha256")
BY = {name: certificate(name) for name in ALGORITHMS}
BODY = b'{"kind": "DeploymentStatusManifest"}'


def found(item: Exchange, by: ClientCertificate) -> str | None:
    signature = signature_of(item)
    assert isinstance(signature, Signature), signature
    base = base_of(item, signature)
    assert isinstance(base, bytes), base
    return algorithm_of(signature, base, by.certificate.public_bytes(Encoding.DER))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_a_signature_is_known_by_its_key(name: Algorithm) -> None:
    item = signed(BY[name], "POST", "/api/v1/x?y=1", BODY)
    assert found(item, BY[name]) == name
    assert digest_problem(item) is None
    others = [other for other in ALGORITHMS if other != name]
    assert all(found(item, BY[other]) is None for other in others)


@dataclass
class Message:
    """A request as the library reads it."""

    method: str
    url: str
    headers: dict[str, str]


class Keys(other.HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> other.VerificationKey:
        raise KeyError(key_id)

    def resolve_private_key(self, key_id: str) -> other.SigningKey:  # noqa: ARG002 - theirs to name
        return OWN.key


def test_what_a_library_signs_is_read_the_same() -> None:
    request = Message("POST", f"https://{HOST}/api/v1/x", {})
    signer = other.HTTPMessageSigner(signature_algorithm=algorithms.ECDSA_P256_SHA256, key_resolver=Keys())
    covered = ("@method", "@target-uri", "content-digest")
    signer.sign(request, key_id="k", label="sig1", body=BODY, covered_component_ids=covered, include_alg=False)
    plain = signed(OWN, "POST", "/api/v1/x", BODY)
    wanted = ("Signature-Input", "Signature", "Content-Digest")
    item = changed(plain, **{name.replace("-", "_"): str(request.headers[name]) for name in wanted})
    assert found(item, OWN) == "ecdsa-p256-sha256"


@given(st.sampled_from(["method", "target", "body", "created"]), st.integers(1, 250))
def test_every_change_is_noticed(what: str, how: int) -> None:
    item = signed(OWN, "POST", "/api/v1/clients/3f8a/deployments", BODY)
    match what:
        case "method":
            item = item.model_copy(update={"method": "PUT"})
        case "target":
            item = item.model_copy(update={"target": f"{item.target}/{how}"})
        case "created":
            written = (item.request_header("Signature-Input") or "").replace(str(NOW), str(NOW + how))
            item = changed(item, signature_input=written)
        case _:
            item = item.model_copy(update={"request": body_of(BODY + bytes([how]))})
    assert found(item, OWN) is None or digest_problem(item) is not None


@given(st.text(max_size=60), st.text(max_size=60))
def test_nothing_that_is_written_there_breaks_the_reading(written: str, value: str) -> None:
    signature = signature_of(changed(signed(), signature_input=written, signature=value))
    assert isinstance(signature, str | Signature)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "no Signature-Input"),
        ("sig1", "cannot be read"),
        ('sig1=("@method";req);created=1', "parameters"),
        ('other=("@method");created=1', "no bytes in colons under other"),
    ],
)
def test_what_is_wrong_is_said(written: str | None, said: str) -> None:
    assert said in str(signature_of(changed(signed(), signature_input=written)))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "no Content-Digest"),
        ("sha-512=:AAAA:", "no sha-256"),
        ("sha-256=:AAAA:", "another body"),
        ("sha-256=:A:", "no Base64"),
    ],
)
def test_a_digest_that_is_wrong_is_named(value: str | None, said: str) -> None:
    problem = digest_problem(changed(signed(OWN, "POST", "/api/v1/x", BODY), content_digest=value))
    assert said in str(problem)


def test_lines_of_one_header_are_read_together() -> None:
    item = signed()
    more = (*item.request_headers, ("Signature-Input", 'b=("@path");created=1;keyid="x"'), ("Signature", "b=:AA==:"))
    assert found(item.model_copy(update={"request_headers": more}), OWN) == "ecdsa-p256-sha256"


def test_names_in_capital_letters_are_covered_all_the_same() -> None:
    item = signed(OWN, "POST", "/api/v1/x", BODY, components=("@method", "@target-uri", "Content-Digest"))
    signature = signature_of(item)
    assert isinstance(signature, Signature)
    assert signature.covers("content-digest")
    assert suits_an_algorithm(OWN.certificate.public_bytes(Encoding.DER))
