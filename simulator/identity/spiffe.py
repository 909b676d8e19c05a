"""SPIFFE IDs, the two Margo shapes of them, and recognition of a peer by its SPIFFE ID alone.

Source: SPIFFE-ID section 2; ID-05, ID-06 (shapes), ID-07 (alphabet), ID-14 (exact comparison), ID-50..ID-52
(recognition).
"""

import re
from dataclasses import dataclass
from typing import Self

from simulator.identity.errors import NotRecognised, SpiffeIdInvalid

SCHEME = "spiffe://"
MAX_BYTES = 2048  # SPIFFE-ID section 2.3
_TRUST_DOMAIN = re.compile(r"[a-z0-9._-]{1,255}")
_SEGMENT = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class SpiffeId:
    """One SPIFFE ID. `path` starts with a slash, or is empty for the root of the trust domain.

    Only valid values can be built. Comparison is exact and case-sensitive (ID-14).

    Raises:
        SpiffeIdInvalid: naming the clause: ID-24 trust domain, ID-27 scheme or bare slash, ID-07 path segment.
    """

    trust_domain: str
    path: str

    def __post_init__(self) -> None:
        if not _TRUST_DOMAIN.fullmatch(self.trust_domain):
            raise SpiffeIdInvalid("ID-24", f"trust domain {self.trust_domain!r} is not a SPIFFE trust domain name")
        if self.path:
            _check_path(self.path)
        if len(str(self)) > MAX_BYTES:
            raise SpiffeIdInvalid("ID-07", f"SPIFFE ID has {len(str(self))} bytes, at most {MAX_BYTES} are allowed")

    def __str__(self) -> str:
        return f"{SCHEME}{self.trust_domain}{self.path}"

    @property
    def segments(self) -> tuple[str, ...]:
        """The path's segments; none for the root of the trust domain."""
        return tuple(self.path.split("/")[1:])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a SPIFFE ID from a URI.

        Raises:
            SpiffeIdInvalid: as for the class.
        """
        if not text.startswith(SCHEME):
            raise SpiffeIdInvalid("ID-27", f"URI {text!r} has not the scheme spiffe")
        trust_domain, slash, rest = text[len(SCHEME) :].partition("/")
        return cls(trust_domain, slash + rest)


def is_segment(text: str) -> bool:
    """Tell whether a text may be a `wfm-id` or `wfm-client-id` (ID-07)."""
    return _SEGMENT.fullmatch(text) is not None and text not in {".", ".."}


def wfm_spiffe_id(trust_domain: str, wfm_id: str) -> SpiffeId:
    """Build a WFM's SPIFFE ID (ID-05)."""
    return SpiffeId(trust_domain, f"/margo/wfm/{_segment('wfm-id', wfm_id)}")


def client_spiffe_id(trust_domain: str, wfm_id: str, wfm_client_id: str) -> SpiffeId:
    """Build a WFM client's SPIFFE ID (ID-06)."""
    client = _segment("wfm-client-id", wfm_client_id)
    return SpiffeId(trust_domain, f"/margo/wfm/{_segment('wfm-id', wfm_id)}/client/{client}")


def wfm_id_of(spiffe_id: SpiffeId) -> str:
    """Give the `wfm-id` of a WFM's or a client's SPIFFE ID.

    Raises:
        NotRecognised: the SPIFFE ID has neither of the two Margo shapes.
    """
    match spiffe_id.segments:
        case ("margo", "wfm", wfm_id) | ("margo", "wfm", wfm_id, "client", _):
            return wfm_id
    raise NotRecognised("ID-51", f"{spiffe_id} is neither a WFM nor a WFM client")


def recognise_client(spiffe_id: SpiffeId, trust_domain: str, wfm_id: str) -> str:
    """Give the `wfm-client-id` of a client of the WFM `wfm_id`, as that WFM recognises it (ID-50, ID-51).

    Raises:
        NotRecognised: with the clause that failed.
    """
    if spiffe_id.trust_domain != trust_domain:
        raise NotRecognised("ID-24", f"{spiffe_id} is not in the trust domain {trust_domain}")
    match spiffe_id.segments:
        case ("margo", "wfm", found, "client", wfm_client_id):
            if found == wfm_id:
                return wfm_client_id
            clause = "ID-14" if found.casefold() == wfm_id.casefold() else "ID-50"
            raise NotRecognised(clause, f"{spiffe_id} names the WFM {found!r}, this one is {wfm_id!r}")
        case ("margo", "wfm", _):
            raise NotRecognised("ID-51", f"{spiffe_id} is a WFM, not a WFM client")
    raise NotRecognised("ID-50", f"{spiffe_id} has not the shape of a WFM client")


def recognise_wfm(spiffe_id: SpiffeId, own: SpiffeId) -> None:
    """Accept exactly the WFM that the client's own SPIFFE ID names (ID-52).

    Raises:
        NotRecognised: the peer is anything else, with the clause that failed.
    """
    expected = wfm_spiffe_id(own.trust_domain, wfm_id_of(own))
    if spiffe_id == expected:
        return
    if spiffe_id.trust_domain != own.trust_domain:
        clause = "ID-24"
    else:
        clause = "ID-14" if str(spiffe_id).casefold() == str(expected).casefold() else "ID-52"
    raise NotRecognised(clause, f"peer is {spiffe_id}, expected {expected}")


def _check_path(path: str) -> None:
    if path == "/":
        raise SpiffeIdInvalid("ID-27", "path is the root path")
    if not path.startswith("/"):
        raise SpiffeIdInvalid("ID-07", f"path {path!r} does not start with a slash")
    for segment in path[1:].split("/"):
        if not is_segment(segment):
            raise SpiffeIdInvalid("ID-07", f"path {path!r} has the segment {segment!r}, which is not allowed")


def _segment(name: str, text: str) -> str:
    if not is_segment(text):
        raise SpiffeIdInvalid("ID-07", f"{name} {text!r} is not a path segment")
    return text
