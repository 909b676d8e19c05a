"""How a request of the suite goes over the wire in revision 1.0.0-rc.2-signed."""

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.bench.wfm_manner import Flaw, Outgoing, Signing, without
from simulator.identity.client_certificate import ClientCertificate
from simulator.identity.signatures import SignatureRefused, SignedParts, verify
from simulator.identity.web import WebAuthority

OWN = ClientCertificate.issue(WebAuthority.new().root)
ROOT = "https://wfm.example"
KEY: Any = OWN.certificate.public_key()


def spoken(body: bytes | None, flaw: Flaw | None = None, headers: tuple[tuple[str, str], ...] = ()) -> Outgoing:
    manner = Signing(OWN.signer(), time.time, "line-7", flaw or Flaw())
    return manner.signed(manner.meant(Outgoing("PUT", "/api/v1/capabilities/press-1", headers, body)), ROOT)


def verified(said: Outgoing, body: bytes) -> None:
    headers = {name.lower(): value for name, value in said.headers}
    verify(SignedParts(said.method, f"{ROOT}{said.target}", headers, body), KEY, time.time())


@given(st.dictionaries(st.text(), st.one_of(st.integers(), st.text(), st.lists(st.booleans()))), st.booleans())
def test_a_document_gets_its_envelope_and_is_else_as_it_was(document: dict[str, Any], blank: bool) -> None:
    written = json.dumps(document, indent=2 if blank else None)
    said = spoken(written.encode())
    kept = {name: value for name, value in document.items() if name != "labels"}
    envelope = {"apiVersion": "device.margo.org/v1alpha1", "kind": "DeviceCapabilitiesManifest"}
    assert json.loads(said.body or b"") == {**envelope, **kept}
    verified(said, said.body or b"")


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a":1', b"\xff\xfe{", b"properties: yes"])
def test_what_is_no_object_stays_as_it_is(body: bytes) -> None:
    assert spoken(body).body == body


def test_what_follows_an_object_stays_there() -> None:
    assert (spoken(b'{"a":1}}\n').body or b"").endswith(b'"a":1}}\n')


def test_a_name_that_is_given_twice_stays_so() -> None:
    assert (spoken(b'{"x":1,"x":2}').body or b"").endswith(b'"x":1,"x":2}')


def test_the_content_of_chunks_is_signed_and_not_the_chunks() -> None:
    content = b'{"properties":{}}'
    said = spoken(b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content), headers=(("Transfer-Encoding", "chunked"),))
    assert (said.body or b"").endswith(b"\r\n0\r\n\r\n")
    inside = (said.body or b"").split(b"\r\n")[1]
    verified(said, inside)


def test_targets_stand_below_the_client_whatever_is_before_them() -> None:
    manner = Signing(None, time.time, "line-7")
    for before in ("", "/plant", "https://wfm.example/plant"):
        said = manner.signed(manner.meant(Outgoing("GET", f"{before}/api/v1/deployments?x=1", (), None)), ROOT)
        assert said.target == f"{before}/api/v1/clients/line-7/deployments?x=1"
    assert manner.meant(Outgoing("GET", "/api/v9/deployments", (), None)).target == "/api/v9/deployments"


@pytest.mark.parametrize(
    ("flaw", "kind"),
    [
        (Flaw(age_s=7200.0), "stale"),
        (Flaw(age_s=-7200.0), "in-the-future"),
        (Flaw(components=("@method",)), "uncovered-component"),
        (Flaw(method="POST"), "wrong-signature"),
        (Flaw(target=lambda uri: f"{uri}0"), "wrong-signature"),
        (Flaw(headers=without("Content-Digest")), "missing-digest"),
        (Flaw(headers=without("Signature")), "missing-signature"),
        (Flaw(body=lambda body: body + b" "), "wrong-digest"),
    ],
)
def test_a_flaw_is_just_that_flaw(flaw: Flaw, kind: str) -> None:
    said = spoken(b'{"properties":{}}', flaw)
    with pytest.raises(SignatureRefused) as caught:
        verified(said, said.body or b"")
    assert caught.value.kind == kind
