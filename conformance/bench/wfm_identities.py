"""What a real WFM knows its clients by: an authority that the bench may use, or SVIDs that its own authority issued."""

import json
from pathlib import Path
from typing import Any, cast

from conformance.bench.errors import Blocked, UsageError
from simulator.identity.authority import Authority
from simulator.identity.bundle import TrustBundle
from simulator.identity.clock import utc_now
from simulator.identity.errors import CredentialError, SpiffeIdInvalid
from simulator.identity.spiffe import SpiffeId, client_spiffe_id, wfm_spiffe_id
from simulator.identity.svid import CERTIFICATE_FILE, KEY_FILE, Svid

WFM_FILE = "wfm.json"
"""In the identity folder of a real WFM: `{"wfmId": "…"}`."""
BUNDLE_FILE = "trust-bundle.json"
CLIENTS = "clients"
AUTHORITY_FILE = "root.pem"
_SOME_WFM = "plant.example"


class GivenClients:
    """Stands in for the authority of a trust domain that issues its own SVIDs: it gives those, and nothing else.

    Whatever else is asked of it (a bad certificate, one that is about to expire, a second root) raises Blocked, so that
    the scenario is blocked by name. Raises UsageError for files that cannot be used.
    """

    def __init__(self, folder: Path, wfm_id: str) -> None:
        self._svids: dict[str, Svid] = {}
        for place in sorted(item for item in (folder / CLIENTS).iterdir() if item.is_dir()):
            svid = Svid.load(place / CERTIFICATE_FILE, place / KEY_FILE)
            wanted = client_spiffe_id(svid.spiffe_id.trust_domain, wfm_id, place.name)
            if svid.spiffe_id != wanted:
                raise UsageError(f"{place / CERTIFICATE_FILE}: expected {wanted}, found {svid.spiffe_id}")
            self._svids[place.name] = svid
        domains = {svid.spiffe_id.trust_domain for svid in self._svids.values()}
        if len(domains) != 1:
            found = ", ".join(sorted(domains)) or "no SVID"
            raise UsageError(f"{folder / CLIENTS}: expected SVIDs of one trust domain, found {found}")
        self.trust_domain = domains.pop()
        self.clock = utc_now
        self._bundle = TrustBundle.load(folder / BUNDLE_FILE, self.trust_domain)

    @property
    def client_ids(self) -> tuple[str, ...]:
        """The clients there are SVIDs for."""
        return tuple(self._svids)

    def bundle(self) -> TrustBundle:
        """Give the trust bundle of the trust domain."""
        return self._bundle

    def issue(self, spiffe_id: SpiffeId, **asked: Any) -> Svid:
        """Give the SVID of a client. Raises Blocked for one that is not there, or one of another form."""
        svid = self._svids.get(spiffe_id.segments[-1])
        if asked or svid is None or svid.spiffe_id != spiffe_id:
            raise self._blocked()
        return svid

    def __getattr__(self, name: str) -> Any:
        raise self._blocked() if not name.startswith("_") else AttributeError(name)

    def _blocked(self) -> Blocked:
        return Blocked(f"needs the authority of {self.trust_domain}; only SVIDs that it issued were given")


def identities(folder: Path) -> tuple[Authority, str, tuple[str, ...]]:
    """Read an identity folder: the authority, the WFM's id and, without a true authority, whose SVIDs there are.

    Raises UsageError naming the file.
    """
    try:
        if (folder / AUTHORITY_FILE).exists() or not (folder / CLIENTS).is_dir():
            authority = Authority.load(folder)
            return authority, _wfm_id(folder), ()
        wfm_id = _wfm_id(folder)
        given = GivenClients(folder, wfm_id)
    except CredentialError as error:
        raise UsageError(str(error)) from None
    return cast("Authority", given), wfm_id, given.client_ids


def _wfm_id(identity: Path) -> str:
    file = identity / WFM_FILE
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise UsageError(f"{file}: not valid JSON: {error}") from None
    found = value.get("wfmId") if isinstance(value, dict) else None
    if not isinstance(found, str):
        raise UsageError(f"{file}: wfmId: expected a text, found {found!r}")
    try:
        wfm_spiffe_id(_SOME_WFM, found)
    except SpiffeIdInvalid as error:
        raise UsageError(f"{file}: wfmId: {error.reason}") from None
    return found
