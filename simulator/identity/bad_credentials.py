"""Credentials that a verifier has to refuse: one per clause of the profile and of recognition, for each seat.

Source: ID-01, ID-07, ID-14, ID-20..ID-27, ID-50..ID-52; ID-34 with RFC 5280 for the chain. Not among them, since no
credential can show them: ID-21 and ID-23 (what has to be accepted), ID-28 (where keys come from), ID-29 (the order of
the rules).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Literal

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from simulator.identity.authority import Authority, Issuer, new_key
from simulator.identity.spiffe import SpiffeId, client_spiffe_id, wfm_id_of, wfm_spiffe_id
from simulator.identity.svid import Credential

Seat = Literal["client", "wfm"]
SEATS: tuple[Seat, ...] = ("client", "wfm")
FOREIGN_DOMAIN = "foreign.example"
NO_AIA_SERVER = "http://127.0.0.1:9/intermediate.der"  # the discard port: nothing answers

Maker = Callable[[Authority, SpiffeId], Credential]


@dataclass(frozen=True, slots=True)
class BadCredential:
    """One way in which a credential of one seat is bad.

    `name` is the key in `BAD_CREDENTIALS`: the seat, a dash, the `defect`. `clause` is the requirement it breaks.
    """

    seat: Seat
    defect: str
    clause: str
    description: str
    maker: Maker

    @property
    def name(self) -> str:
        """The key of this credential in `BAD_CREDENTIALS`."""
        return f"{self.seat}-{self.defect}"

    def make(self, authority: Authority, good: SpiffeId) -> Credential:
        """Make the bad twin of the credential that `authority` would issue for the SPIFFE ID `good`."""
        return self.maker(authority, good)


def bad_credentials(seat: Seat) -> Iterator[BadCredential]:
    """Give all bad credentials of a seat."""
    return (bad for bad in BAD_CREDENTIALS.values() if bad.seat == seat)


def missing_intermediate(authority: Authority, good: SpiffeId, *, ca_issuers: str | None = None) -> Credential:
    """Leave the intermediate out of the chain; `ca_issuers` is where AIA says it can be fetched (ID-20, ID-26)."""
    key = new_key()
    leaf = replace(authority.leaf(str(good)), ca_issuers=ca_issuers)
    return Credential.of(key, authority.intermediate.sign(leaf, key))


def _with_uris(*templates: str) -> Maker:
    """Sign a leaf with these URI names; `{td}`, `{path}` and `{wfm}` stand for parts of the good SPIFFE ID."""

    def make(authority: Authority, good: SpiffeId) -> Credential:
        parts = {"td": good.trust_domain, "path": good.path, "wfm": wfm_id_of(good)}
        return authority.sign(authority.leaf(*(template.format(**parts) for template in templates)))

    return make


def _with(**changes: Any) -> Maker:
    """Sign a leaf that differs from a good one in these fields."""
    return lambda authority, good: authority.sign(replace(authority.leaf(str(good)), **changes))


def _with_key(new: Callable[[], ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]) -> Maker:
    return lambda authority, good: authority.sign(authority.leaf(str(good)), new())


def _valid(start: timedelta, end: timedelta) -> Maker:
    """Sign a leaf whose validity starts and ends so far from now."""

    def make(authority: Authority, good: SpiffeId) -> Credential:
        now = authority.clock()
        return authority.sign(authority.leaf(str(good), not_before=now + start, not_after=now + end))

    return make


def _case_changed(authority: Authority, good: SpiffeId) -> Credential:
    wfm_id = wfm_id_of(good)
    if wfm_id.swapcase() == wfm_id:
        raise ValueError(f"wfm-id {wfm_id!r} has no letter whose case could be changed")
    head, _, tail = good.path.partition(f"/wfm/{wfm_id}")
    return authority.sign(authority.leaf(f"spiffe://{good.trust_domain}{head}/wfm/{wfm_id.swapcase()}{tail}"))


def _expired_intermediate(authority: Authority, good: SpiffeId) -> Credential:
    now = authority.clock()
    expired = authority.with_intermediate(new_key(), now - timedelta(days=2), now - timedelta(days=1))
    return expired.sign(expired.leaf(str(good)))


def _weak_intermediate(authority: Authority, good: SpiffeId) -> Credential:
    now = authority.clock()
    weak = authority.with_intermediate(_rsa_2048(), now - timedelta(days=1), now + timedelta(days=1))
    return weak.sign(weak.leaf(str(good)))


def _untrusted_root(authority: Authority, good: SpiffeId) -> Credential:
    other = authority.second_root()
    return other.sign(other.leaf(str(good)))


def _foreign_domain_and_root(authority: Authority, good: SpiffeId) -> Credential:
    foreign = Authority.new(FOREIGN_DOMAIN, clock=authority.clock)
    return foreign.sign(foreign.leaf(f"spiffe://{FOREIGN_DOMAIN}{good.path}"))


def _self_signed(authority: Authority, good: SpiffeId) -> Credential:
    key = new_key()
    leaf = authority.leaf(str(good))
    draft = authority.intermediate.sign(leaf, key)  # signed a second time below, by itself
    return Credential.of(key, Issuer(draft, key).sign(leaf, key))


def _signed_by_leaf(authority: Authority, good: SpiffeId) -> Credential:
    signer_key, key = new_key(), new_key()
    signer_id = client_spiffe_id(good.trust_domain, wfm_id_of(good), "signer")
    signer = authority.intermediate.sign(authority.leaf(str(signer_id)), signer_key)
    leaf = Issuer(signer, signer_key).sign(authority.leaf(str(good)), key)
    return Credential.of(key, leaf, signer, authority.intermediate.certificate)


def _wfm_shaped(authority: Authority, good: SpiffeId) -> Credential:
    return authority.sign(authority.leaf(str(wfm_spiffe_id(good.trust_domain, wfm_id_of(good)))))


def _client_shaped(authority: Authority, good: SpiffeId) -> Credential:
    return authority.sign(authority.leaf(str(client_spiffe_id(good.trust_domain, wfm_id_of(good), "client-1"))))


def _rsa_2048() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _p521() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP521R1())


_DAY = timedelta(days=1)
_GOOD = "spiffe://{td}{path}"

# defects that are the same in both seats: defect, clause, description, maker
_COMMON: tuple[tuple[str, str, str, Maker], ...] = (
    ("two-uri-sans", "ID-27", "two URI names, the first one good", _with_uris(_GOOD, "spiffe://{td}/other")),
    ("two-uri-sans-good-last", "ID-27", "two URI names, the last one good", _with_uris("https://{td}/", _GOOD)),
    ("no-uri-san", "ID-27", "no URI name at all", _with(uris=())),
    ("only-dns-san", "ID-27", "a DNS name instead of a URI name", _with(uris=(), dns=("localhost",))),
    ("http-scheme", "ID-27", "the URI name has the scheme http", _with_uris("http://{td}{path}")),
    ("root-path", "ID-27", "the SPIFFE ID has no path", _with_uris("spiffe://{td}")),
    ("slash-path", "ID-27", "the path of the SPIFFE ID is a single slash", _with_uris("spiffe://{td}/")),
    ("ca-leaf", "ID-27", "the leaf has cA set", _with(ca=True)),
    ("key-cert-sign", "ID-27", "the leaf's key usage has keyCertSign", _with(key_cert_sign=True)),
    ("crl-sign", "ID-27", "the leaf's key usage has cRLSign", _with(crl_sign=True)),
    (
        "foreign-trust-domain",
        "ID-24",
        "a foreign trust domain, signed by a trusted CA",
        _with_uris(f"spiffe://{FOREIGN_DOMAIN}{{path}}"),
    ),
    (
        "foreign-trust-domain-matching-dns",
        "ID-24",
        "a foreign trust domain beside a DNS name that matches",
        lambda authority, good: _with(uris=(f"spiffe://{FOREIGN_DOMAIN}{good.path}",), dns=("localhost",))(
            authority, good
        ),
    ),
    ("foreign-authority", "ID-24", "a foreign trust domain with its own CA", _foreign_domain_and_root),
    ("expired", "ID-25", "the leaf expired a day ago", _valid(-2 * _DAY, -_DAY)),
    ("not-yet-valid", "ID-25", "the leaf is valid from tomorrow on", _valid(_DAY, 2 * _DAY)),
    ("expired-intermediate", "ID-25", "the intermediate expired a day ago", _expired_intermediate),
    ("untrusted-root", "ID-25", "another CA for a trust domain of the same name", _untrusted_root),
    ("self-signed", "ID-25", "the leaf is signed with its own key", _self_signed),
    ("signed-by-leaf", "ID-34", "the leaf is signed by the SVID of a client", _signed_by_leaf),
    ("missing-intermediate", "ID-20", "the intermediate is not sent", missing_intermediate),
    (
        "missing-intermediate-aia",
        "ID-26",
        "the intermediate is not sent, but AIA tells where it is",
        lambda authority, good: missing_intermediate(authority, good, ca_issuers=NO_AIA_SERVER),
    ),
    ("rsa-2048", "ID-22", "the leaf has an RSA key of 2048 bits", _with_key(_rsa_2048)),
    ("p-521", "ID-22", "the leaf has a key on the curve P-521", _with_key(_p521)),
    ("weak-intermediate", "ID-22", "the intermediate has an RSA key of 2048 bits", _weak_intermediate),
    ("case-changed-wfm-id", "ID-14", "the wfm-id differs in case only", _case_changed),
)
_CLIENT: tuple[tuple[str, str, str, Maker], ...] = (
    ("wrong-wfm-id", "ID-50", "a client of another WFM", _with_uris("spiffe://{td}/margo/wfm/other-{wfm}/client/c-1")),
    ("extra-segment", "ID-50", "one path segment too many", _with_uris(_GOOD + "/extra")),
    (
        "no-client-segment",
        "ID-50",
        "another word where `client` belongs",
        _with_uris("spiffe://{td}/margo/wfm/{wfm}/device/c-1"),
    ),
    ("not-margo", "ID-50", "a path outside /margo/", _with_uris("spiffe://{td}/wfm/{wfm}/client/c-1")),
    ("wfm-shaped", "ID-51", "the SPIFFE ID of the WFM itself", _wfm_shaped),
    ("empty-segment", "ID-07", "an empty wfm-client-id", _with_uris("spiffe://{td}/margo/wfm/{wfm}/client/")),
    ("empty-wfm-id", "ID-07", "an empty wfm-id", _with_uris("spiffe://{td}/margo/wfm//client/c-1")),
    ("dot-segment", "ID-07", "a wfm-client-id of two dots", _with_uris("spiffe://{td}/margo/wfm/{wfm}/client/..")),
    ("tilde-segment", "ID-07", "a wfm-client-id with a tilde", _with_uris("spiffe://{td}/margo/wfm/{wfm}/client/c~1")),
    (
        "percent-segment",
        "ID-07",
        "a percent-encoded wfm-client-id",
        _with_uris("spiffe://{td}/margo/wfm/{wfm}/client/c%2D1"),
    ),
)
_WFM: tuple[tuple[str, str, str, Maker], ...] = (
    ("wrong-wfm-id", "ID-52", "another WFM of the trust domain", _with_uris("spiffe://{td}/margo/wfm/other-{wfm}")),
    ("extra-segment", "ID-52", "one path segment too many", _with_uris(_GOOD + "/extra")),
    ("client-shaped", "ID-52", "the SPIFFE ID of a client of the WFM", _client_shaped),
    ("not-margo", "ID-52", "a path outside /margo/", _with_uris("spiffe://{td}/wfm/{wfm}")),
    ("empty-segment", "ID-07", "an empty wfm-id", _with_uris("spiffe://{td}/margo/wfm/")),
    ("dot-segment", "ID-07", "a wfm-id of two dots", _with_uris("spiffe://{td}/margo/wfm/..")),
    ("tilde-segment", "ID-07", "a wfm-id with a tilde", _with_uris("spiffe://{td}/margo/wfm/{wfm}~")),
    ("percent-segment", "ID-07", "a percent-encoded wfm-id", _with_uris("spiffe://{td}/margo/wfm/%77{wfm}")),
)
_ALL = (
    *(BadCredential(seat, *row) for seat in SEATS for row in _COMMON),
    *(BadCredential("client", *row) for row in _CLIENT),
    *(BadCredential("wfm", *row) for row in _WFM),
)

BAD_CREDENTIALS: Mapping[str, BadCredential] = MappingProxyType({bad.name: bad for bad in _ALL})
"""Every bad credential by its name."""
