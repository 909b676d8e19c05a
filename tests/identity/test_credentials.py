import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from simulator.identity.authority import Authority
from simulator.identity.errors import CredentialError, SvidRefused
from simulator.identity.files import write_private
from simulator.identity.spiffe import SpiffeId
from simulator.identity.svid import PrivateKey, Svid
from simulator.identity.svid_rules import check_leaf, uri_sans
from tests.identity.seats import CLIENT, DOMAIN, WFM


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.new(DOMAIN)


def test_an_svid_chains_to_the_anchor_through_the_intermediate(authority: Authority) -> None:
    svid = authority.issue(CLIENT, dns=("device.example",), ips=("127.0.0.1",))
    leaf, intermediate = x509.load_pem_x509_certificates(svid.chain_pem)
    leaf.verify_directly_issued_by(intermediate)
    intermediate.verify_directly_issued_by(authority.anchor)
    assert authority.anchor.subject != intermediate.subject
    assert uri_sans(leaf) == [str(CLIENT)]
    assert check_leaf(svid.leaf, DOMAIN) == svid.spiffe_id == CLIENT
    assert uri_sans(authority.anchor) == uri_sans(intermediate) == [f"spiffe://{DOMAIN}"]


def test_validity_counts_from_the_clock_given() -> None:
    now = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
    authority = Authority.new(DOMAIN, clock=lambda: now)
    leaf = authority.issue(CLIENT).leaf
    assert leaf.not_valid_before_utc == now - timedelta(minutes=5)
    assert leaf.not_valid_after_utc == now + timedelta(hours=24)
    assert authority.anchor.not_valid_before_utc < leaf.not_valid_before_utc
    start, end = now - timedelta(days=9), now - timedelta(days=8)
    given = authority.issue(CLIENT, not_before=start, not_after=end).leaf
    assert (given.not_valid_before_utc, given.not_valid_after_utc) == (start, end)


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 3072),
    ],
    ids=["p-256", "p-384", "ed25519", "rsa-3072"],
)
def test_every_key_of_the_profile_makes_an_svid(authority: Authority, key: PrivateKey) -> None:
    assert authority.issue(WFM, key=key).spiffe_id == WFM


def test_an_authority_issues_no_svid_for_the_trust_domain_itself(authority: Authority) -> None:
    with pytest.raises(SvidRefused) as refused:
        authority.issue(SpiffeId(DOMAIN, ""))
    assert refused.value.clause == "ID-27"


def test_a_second_root_is_another_root_of_the_same_trust_domain(authority: Authority) -> None:
    second = authority.second_root()
    assert second.trust_domain == DOMAIN
    assert second.anchor != authority.anchor
    assert second.anchor.subject != authority.anchor.subject


def test_an_authority_is_kept_over_runs(authority: Authority, tmp_path: Path) -> None:
    authority.write(tmp_path)
    again = Authority.load(tmp_path)
    assert again.trust_domain == DOMAIN
    assert again.anchor == authority.anchor
    x509.load_pem_x509_certificates(again.issue(CLIENT).chain_pem)[1].verify_directly_issued_by(authority.anchor)
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_an_authority_with_a_strange_key_is_not_loaded(authority: Authority, tmp_path: Path) -> None:
    authority.write(tmp_path)
    (tmp_path / "root_key.pem").write_bytes((tmp_path / "intermediate_key.pem").read_bytes())
    with pytest.raises(CredentialError, match=r"root_key\.pem: key: expected the private key of"):
        Authority.load(tmp_path)


def test_an_svid_survives_writing_and_loading(authority: Authority, tmp_path: Path) -> None:
    svid = authority.issue(CLIENT)
    certificate, key = svid.write(tmp_path / "new" / "folder")
    assert Svid.load(certificate, key) == svid
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    renewed = authority.issue(CLIENT)
    renewed.write(certificate.parent)  # in place (ID-61)
    assert Svid.load(certificate, key) == renewed
    assert sorted(file.name for file in certificate.parent.iterdir()) == ["svid.pem", "svid_key.pem"]


Damage = Callable[[Authority, Path, Path], None]


def _expired(authority: Authority, certificate: Path, _key: Path) -> None:
    now = datetime.now(UTC)
    authority.issue(CLIENT, not_before=now - timedelta(days=2), not_after=now - timedelta(days=1)).write(
        certificate.parent
    )


def _not_yet_valid(authority: Authority, certificate: Path, _key: Path) -> None:
    authority.issue(CLIENT, not_before=datetime.now(UTC) + timedelta(hours=1)).write(certificate.parent)


def _two_names(authority: Authority, certificate: Path, _key: Path) -> None:
    authority.sign(authority.leaf(str(CLIENT), str(WFM))).write(certificate.parent)


def _encrypted(_authority: Authority, _certificate: Path, key: Path) -> None:
    private = load_pem_private_key(key.read_bytes(), None)
    encryption = BestAvailableEncryption(b"secret")
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))


def _other_kind(_authority: Authority, _certificate: Path, key: Path) -> None:
    private = dsa.generate_private_key(2048)
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


@pytest.mark.parametrize(
    ("damage", "file", "field", "found"),
    [
        (lambda _a, c, _k: c.unlink(), "svid.pem", "certificates", "No such file"),
        (lambda _a, _c, k: k.unlink(), "svid_key.pem", "key", "No such file"),
        (lambda _a, c, _k: c.write_bytes(b"junk"), "svid.pem", "certificates", "none readable"),
        (lambda _a, c, _k: c.write_bytes(bytes(2 << 20)), "svid.pem", "certificates", "more"),
        (lambda _a, _c, k: k.write_bytes(b"junk"), "svid_key.pem", "key", "none readable"),
        (lambda a, _c, k: k.write_bytes(a.issue(CLIENT).key_pem), "svid_key.pem", "key", "another"),
        (_encrypted, "svid_key.pem", "key", "an encrypted one"),
        (_other_kind, "svid_key.pem", "key", "DSA"),
        (_expired, "svid.pem", "validity", "expired at"),
        (_not_yet_valid, "svid.pem", "validity", "not valid before"),
        (_two_names, "svid.pem", "first certificate", "2 URI names"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unusable_file_is_named_with_field_expected_and_found(
    authority: Authority, tmp_path: Path, damage: Damage, file: str, field: str, found: str
) -> None:
    certificate, key = authority.issue(CLIENT).write(tmp_path)
    damage(authority, certificate, key)
    with pytest.raises(CredentialError) as error:
        Svid.load(certificate, key)
    assert error.value.file == tmp_path / file
    assert error.value.field == field
    assert found in error.value.found
    message = str(error.value)
    assert message.startswith(f"{tmp_path / file}: {field}: expected ")
    assert "\n" not in message


def test_an_expired_svid_loads_by_a_clock_of_its_own_time(authority: Authority, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    svid = authority.issue(CLIENT, not_before=now - timedelta(days=2), not_after=now - timedelta(days=1))
    assert Svid.load(*svid.write(tmp_path), clock=lambda: now - timedelta(days=1, hours=1)) == svid


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path) -> None:
    target = tmp_path / "taken"
    target.mkdir()
    with pytest.raises(OSError, match="taken"):
        write_private(target, b"data")
    assert [file.name for file in tmp_path.iterdir()] == ["taken"]
