import base64
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.identity.authority import Authority
from simulator.identity.bundle import MAX_BUNDLE_BYTES, TrustBundle
from simulator.identity.errors import BundleRejected, CredentialError, NoTrustMaterial
from simulator.identity.trust import HeldTrust, StaticTrust
from tests.identity.seats import CLIENT, DOMAIN

AUTHORITY = Authority.new(DOMAIN)
SECOND = AUTHORITY.second_root()
BOTH = TrustBundle(DOMAIN, (AUTHORITY.anchor, SECOND.anchor), 7, 60)


def document(**changes: Any) -> dict[str, Any]:
    return {**json.loads(AUTHORITY.bundle().to_json()), **changes}


def read(value: object) -> TrustBundle:
    return TrustBundle.from_json(json.dumps(value).encode(), DOMAIN)


def test_a_bundle_survives_writing_and_reading() -> None:
    assert TrustBundle.from_json(BOTH.to_json(), DOMAIN) == BOTH
    bare = TrustBundle(DOMAIN, (AUTHORITY.anchor,))
    assert set(json.loads(bare.to_json())) == {"keys"}
    assert TrustBundle.from_json(bare.to_json(), DOMAIN) == bare


def test_a_key_has_the_members_of_its_certificate() -> None:
    (key,) = document()["keys"]
    der = AUTHORITY.anchor.public_bytes(Encoding.DER)
    assert (key["use"], key["kty"], key["crv"]) == ("x509-svid", "EC", "P-256")
    assert base64.b64decode(key["x5c"][0]) == der
    for coordinate in ("x", "y"):
        assert base64.urlsafe_b64decode(key[coordinate] + "=") in der


def test_other_keys_and_unknown_members_are_ignored() -> None:
    (good,) = document()["keys"]
    (other,) = json.loads(SECOND.bundle().to_json())["keys"]
    keys = [{**other, "use": "jwt-svid"}, {"use": 5, "x5c": "?"}, {}, {**good, "more": {}}, good]
    bundle = read(document(keys=keys, extra=[1]))
    assert bundle.anchors == (AUTHORITY.anchor,)


@pytest.mark.parametrize("keys", [[], [{"use": "jwt-svid", "kid": "a"}], [{}]])
def test_a_bundle_without_x509_anchors_is_rejected(keys: list[Any]) -> None:
    with pytest.raises(BundleRejected) as rejected:
        read(document(keys=keys))
    assert rejected.value.clause == "ID-82"


LEAF = base64.b64encode(AUTHORITY.issue(CLIENT).leaf.public_bytes(Encoding.DER)).decode()


@pytest.mark.parametrize(
    "value",
    [
        [],
        None,
        {},
        document(keys={}),
        document(keys=["x"]),
        document(spiffe_sequence="1"),
        document(spiffe_sequence=-1),
        document(spiffe_refresh_hint=True),
        document(spiffe_refresh_hint=1.5),
        document(keys=[{"use": "x509-svid"}]),
        document(keys=[{"use": "x509-svid", "x5c": []}]),
        document(keys=[{"use": "x509-svid", "x5c": ["!"]}]),
        document(keys=[{"use": "x509-svid", "x5c": ["AAAA"]}]),
        document(keys=[{"use": "x509-svid", "x5c": document()["keys"][0]["x5c"] * 2}]),
        document(keys=[{"use": "x509-svid", "x5c": [LEAF]}]),
    ],
)
def test_a_malformed_bundle_is_rejected(value: object) -> None:
    with pytest.raises(BundleRejected) as rejected:
        read(value)
    assert rejected.value.clause == "ID-80"


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=200) | st.recursive(st.none() | st.text(), st.lists).map(lambda v: json.dumps(v).encode()))
def test_any_bytes_are_rejected_in_one_way(data: bytes) -> None:
    with pytest.raises(BundleRejected):
        TrustBundle.from_json(data, DOMAIN)


def test_a_bundle_has_a_largest_size() -> None:
    with pytest.raises(BundleRejected, match="more than"):
        TrustBundle.from_json(AUTHORITY.bundle().to_json() + b" " * MAX_BUNDLE_BYTES, DOMAIN)


def test_an_accepted_bundle_replaces_and_is_told_once() -> None:
    told: list[TrustBundle] = []
    trust = StaticTrust(AUTHORITY.bundle())
    trust.on_change(told.append)
    trust.replace(AUTHORITY.bundle())
    trust.replace(SECOND.bundle())
    assert trust.current() == SECOND.bundle()
    assert told == [SECOND.bundle()]


@pytest.mark.parametrize(
    ("bundle", "clause"),
    [(TrustBundle(DOMAIN, ()), "ID-82"), (Authority.new("foreign.example").bundle(), "ID-24")],
)
def test_a_rejected_bundle_leaves_the_former_one(bundle: TrustBundle, clause: str) -> None:
    trust = StaticTrust(BOTH)
    with pytest.raises(BundleRejected) as rejected:
        trust.replace(bundle)
    assert rejected.value.clause == clause
    assert trust.current() == BOTH


def test_without_a_bundle_there_is_nothing_to_validate_with() -> None:
    with pytest.raises(NoTrustMaterial):
        HeldTrust(DOMAIN).current()


def test_a_bundle_is_loaded_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.write_bytes(BOTH.to_json())
    assert StaticTrust.load(file, DOMAIN).current() == BOTH
    file.write_bytes(b'{"keys": []}')
    with pytest.raises(CredentialError, match=r"bundle\.json: trust bundle: expected .* found trust bundle has no"):
        StaticTrust.load(file, DOMAIN)
    with pytest.raises(CredentialError, match="No such file"):
        StaticTrust.load(tmp_path / "missing.json", DOMAIN)
