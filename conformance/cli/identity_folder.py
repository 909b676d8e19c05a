"""The identity folder: a test authority on disk with the credentials it issued, for subjects provisioned by hand.

    root.pem, root_key.pem, intermediate.pem, intermediate_key.pem    the authority
    trust-bundle.json                                                 the trust bundle (SPIFFE bundle, ID-80)
    wfm.json                                                          the WFM's id: {"wfmId": "..."}
    wfm/svid.pem, wfm/svid_key.pem                                    the WFM's SVID
    clients/<wfm-client-id>/svid.pem, svid_key.pem                    one SVID per client

Everything in it is for tests only. Keys are made here and never leave it.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from conformance.cli.problems import Misuse
from simulator.identity.authority import Authority
from simulator.identity.clock import utc_now
from simulator.identity.files import write_private
from simulator.identity.spiffe import SpiffeId, client_spiffe_id, is_segment, wfm_id_of, wfm_spiffe_id
from simulator.identity.svid import CERTIFICATE_FILE, KEY_FILE, Svid
from simulator.identity.trust import StaticTrust

DEFAULT_TRUST_DOMAIN = "margo-test.example"
DEFAULT_WFM_ID = "reference"
SAMPLE_CLIENTS = ("device-1", "device-2")
LIFETIME = timedelta(days=30)
WFM_FILE = "wfm.json"
_HINT = "`margo-conformance serve wfm --identity DIR` makes such a folder"


@dataclass(frozen=True, slots=True)
class IdentityFolder:
    """An identity folder and where things lie in it."""

    path: Path

    @property
    def has_authority(self) -> bool:
        """Whether an authority is kept here."""
        return (self.path / "root.pem").exists()

    @property
    def trust_bundle(self) -> Path:
        """The trust bundle's file."""
        return self.path / "trust-bundle.json"

    def client(self, client_id: str) -> Path:
        """Give the folder of a client's SVID."""
        return self.path / "clients" / client_id

    @property
    def clients(self) -> tuple[str, ...]:
        """The clients that have an SVID here."""
        folder = self.path / "clients"
        return tuple(sorted(item.name for item in folder.iterdir() if item.is_dir())) if folder.is_dir() else ()

    def authority(self, trust_domain: str | None) -> Authority:
        """Load the authority, or make one. Raises Misuse, CredentialError, SvidRefused, OSError."""
        if not self.has_authority:
            authority = Authority.new(SpiffeId(trust_domain or DEFAULT_TRUST_DOMAIN, "").trust_domain)
            authority.write(self.path)
            return authority
        authority = Authority.load(self.path)
        if trust_domain and authority.trust_domain != trust_domain:
            cause = f"{self.path}: trust domain: expected {trust_domain}, found {authority.trust_domain}"
            raise Misuse("identity", cause, "leave --trust-domain out, or choose another --identity folder")
        return authority

    def issue_wfm(self, authority: Authority, wfm_id: str, hosts: Iterable[str]) -> Svid:
        """Issue the WFM's SVID anew and keep it; host names and addresses are for tools such as curl only (ID-24)."""
        check_id("wfm-id", wfm_id)
        names, addresses = _hosts({*hosts, "localhost", "127.0.0.1"})
        svid = authority.issue(
            wfm_spiffe_id(authority.trust_domain, wfm_id), not_after=utc_now() + LIFETIME, dns=names, ips=addresses
        )
        svid.write(self.path / "wfm")
        write_private(self.trust_bundle, authority.bundle().to_json())
        write_private(self.path / WFM_FILE, (json.dumps({"wfmId": wfm_id}) + "\n").encode())
        return svid

    def issue_client(self, authority: Authority, wfm_id: str, client_id: str) -> Svid:
        """Issue a client's SVID and keep it."""
        check_id("client id", client_id)
        svid = authority.issue(
            client_spiffe_id(authority.trust_domain, wfm_id, client_id), not_after=utc_now() + LIFETIME
        )
        svid.write(self.client(client_id))
        return svid

    def kept_wfm_id(self) -> str | None:
        """Give the id of the WFM whose SVID is kept here, if there is one."""
        return self.wfm_id() if (self.path / "wfm" / CERTIFICATE_FILE).exists() else None

    def wfm_id(self) -> str:
        """Give the id of the WFM whose SVID is kept here. Raises CredentialError."""
        return wfm_id_of(self._load(self.path / "wfm").spiffe_id)

    def load_client(self, client_id: str | None) -> Svid:
        """Load a client's SVID, the first when none is named; a missing one is issued where the authority is kept.

        Raises Misuse when there is no such client, CredentialError for files that cannot be used.
        """
        if not self.path.is_dir():
            raise Misuse("missing-file", f"{self.path}: no identity folder there", _HINT)
        known = self.clients
        wanted = client_id or next(iter(known), None)
        if wanted is None:
            raise Misuse("identity", f"{self.path}: no client's SVID in it", _HINT)
        check_id("client id", wanted)
        if wanted in known:
            return self._load(self.client(wanted))
        if not self.has_authority:
            hint = f"there are: {', '.join(known)}" if known else _HINT
            raise Misuse("identity", f"{self.path}: no SVID of a client {wanted!r}, and no authority to issue it", hint)
        return self.issue_client(self.authority(None), self.wfm_id(), wanted)

    def load_trust(self, trust_domain: str) -> StaticTrust:
        """Load the trust bundle. Raises CredentialError."""
        return StaticTrust.load(self.trust_bundle, trust_domain)

    @staticmethod
    def _load(folder: Path) -> Svid:
        return Svid.load(folder / CERTIFICATE_FILE, folder / KEY_FILE)


def check_id(what: str, text: str) -> None:
    """Refuse an id that could stand in no SPIFFE ID (ID-07), and so in no path either. Raises Misuse."""
    if not is_segment(text):
        cause = f"{what}: expected letters, digits, '.', '_' and '-', found {text!r}"
        raise Misuse("identity", cause, "choose another; it becomes a part of SPIFFE IDs (ID-07)")


def load_files(svid: Path | None, key: Path | None, bundle: Path | None) -> tuple[Svid, StaticTrust]:
    """Load a client's SVID and trust bundle from single files. Raises Misuse, CredentialError."""
    if svid is None or key is None or bundle is None:
        missing = [name for name, path in (("--svid", svid), ("--key", key), ("--trust-bundle", bundle)) if not path]
        cause = f"credentials: expected --identity, or all three files; {', '.join(missing)} missing"
        raise Misuse("usage", cause, _HINT)
    credential = Svid.load(svid, key)
    return credential, StaticTrust.load(bundle, credential.spiffe_id.trust_domain)


def describe_expiry(svid: Svid) -> str:
    """Say until when an SVID is valid."""
    return svid.leaf.not_valid_after_utc.strftime("%Y-%m-%d %H:%M UTC")


def _hosts(hosts: set[str]) -> tuple[list[str], list[str]]:
    names: list[str] = []
    addresses: list[str] = []
    for host in sorted(hosts):
        try:
            ip_address(host)
        except ValueError:
            names.append(host)
        else:
            addresses.append(host)
    return names, addresses
