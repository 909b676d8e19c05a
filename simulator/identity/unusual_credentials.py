"""Credentials that a verifier has to accept although few WFMs have them, and those it accepts if it takes such keys.

Source: ID-24 and ID-58 (names of hosts play no part), ID-35 (nobody is asked about revocation), ID-23 (RSA, with both
paddings).
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from simulator.identity.authority import Authority
from simulator.identity.spiffe import SpiffeId
from simulator.identity.svid import Credential
from simulator.identity.svid_rules import MIN_RSA_BITS

NOBODY = "http://127.0.0.1:9/revoked"
"""Where nothing answers: the discard port."""
Maker = Callable[[Authority, SpiffeId], Credential]


def _with(**changes: Any) -> Maker:
    """Sign a leaf that differs from a plain one in these fields."""
    return lambda authority, who: authority.sign(replace(authority.leaf(str(who)), **changes))


def _rsa() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=MIN_RSA_BITS)


def _rsa_leaf(authority: Authority, who: SpiffeId) -> Credential:
    return authority.sign(authority.leaf(str(who)), _rsa())


def _rsa_authority(*, pss: bool) -> Maker:
    def make(authority: Authority, who: SpiffeId) -> Credential:
        now = authority.clock()
        with_rsa = authority.with_intermediate(_rsa(), now - timedelta(days=1), now + timedelta(days=1))
        signing = replace(with_rsa, intermediate=replace(with_rsa.intermediate, pss=pss))
        return signing.sign(signing.leaf(str(who)))

    return make


UNUSUAL_CREDENTIALS: Mapping[str, Maker] = MappingProxyType(
    {
        "other-host": _with(dns=("other.example",)),
        "own-host": _with(dns=("localhost",), ips=("127.0.0.1",)),
        "revocation-addresses": _with(revocation=NOBODY),
        "rsa-3072": _rsa_leaf,
        "rsa-authority": _rsa_authority(pss=False),
        "rsa-pss-authority": _rsa_authority(pss=True),
    }
)
"""Every unusual credential by its name: makes one of an authority for a SPIFFE ID."""
