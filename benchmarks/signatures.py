"""Signed requests: what signing and verifying cost here, beside the library http-message-signatures in the same run.

Run `python -m benchmarks.signatures [--requests 1000]`. One status report of 600 bytes over `@method`, `@target-uri`
and `content-digest`; keys are made per run, nothing is sent, and both sides read and write the same headers.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

import http_message_signatures as library
from http_message_signatures import algorithms

from benchmarks.measuring import interleaved, print_table
from simulator.identity.client_certificate import key_for
from simulator.identity.signatures import Algorithm, SignedParts, Signer, SignerKey, content_digest, verify

URL = "https://wfm.example/api/v1/clients/3f8a/deployments/11111111-2222-4333-8444-555555555555/status"
BODY = b'{"apiVersion": "deployment.margo.org/v1alpha1", "kind": "DeploymentStatusManifest"}' * 7
COVERED = ("@method", "@target-uri", "content-digest")
THEIRS: dict[Algorithm, type[library.HTTPSignatureAlgorithm]] = {
    "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256,
    "ecdsa-p384-sha384": algorithms.ECDSA_P384_SHA384,
    "rsa-v1_5-sha256": algorithms.RSA_V1_5_SHA256,
}
OURS, LIBRARY = "here", "http-message-signatures"


@dataclass
class Message:
    """A request as the library reads it."""

    method: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


class Keys(library.HTTPSignatureKeyResolver):
    """Gives one key, whatever it is called."""

    def __init__(self, key: SignerKey) -> None:
        self._key = key

    def resolve_public_key(self, key_id: str) -> library.VerificationKey:
        """Give the key that verifies."""
        del key_id
        return self._key.public_key()

    def resolve_private_key(self, key_id: str) -> library.SigningKey:
        """Give the key that signs."""
        del key_id
        return self._key


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="requests in one measurement")
    count: int = parser.parse_args().requests
    for algorithm in THEIRS:
        measure(algorithm, count)


def measure(algorithm: Algorithm, count: int) -> None:
    """Print what one algorithm costs."""
    key = key_for(algorithm)
    signer, keys = Signer.of(key, "key", algorithm), Keys(key)
    parts = SignedParts("POST", URL, {}, BODY)
    writer = library.HTTPMessageSigner(signature_algorithm=THEIRS[algorithm], key_resolver=keys)
    reader = library.HTTPMessageVerifier(signature_algorithm=THEIRS[algorithm], key_resolver=keys)
    now = int(time.time())
    signed = signer.sign(parts, now)
    arrived = SignedParts("POST", URL, {name.lower(): value for name, value in signed.items()}, BODY)
    message = Message("POST", URL, dict(signed))

    def sign_theirs() -> None:
        writer.sign(
            Message("POST", URL, {"Content-Digest": content_digest(BODY)}),
            key_id="key",
            label="sig1",
            include_alg=False,
            use_existing_digest=True,
            covered_component_ids=COVERED,
        )

    def verify_theirs() -> None:
        reader.verify(message, body=BODY, max_age=timedelta(hours=1))

    signing = {OURS: lambda: signer.sign(parts, now), LIBRARY: sign_theirs}
    verifying = {OURS: lambda: verify(arrived, key.public_key(), now), LIBRARY: verify_theirs}
    for title, variants in (("Signing", signing), ("Verifying", verifying)):
        timed = {name: (lambda call=call: microseconds(call, count)) for name, call in variants.items()}
        print_table(f"{title}, {algorithm}", "us/request", interleaved(timed), OURS)


def microseconds(call: Callable[[], object], count: int) -> float:
    """How long one call takes, of so many."""
    call()
    started = time.perf_counter()
    for _ in range(count):
        call()
    return (time.perf_counter() - started) / count * 1e6


if __name__ == "__main__":
    main()
