"""From options to the seat of a real WFM: what is known to be there before a run begins, and what stays afterwards."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from conformance.bench import wfm_seat
from conformance.bench.accommodations.model import Accommodation, Prefix
from conformance.bench.adapters.opening import open_northbound
from conformance.bench.applications import applications
from conformance.bench.errors import Blocked, UsageError
from conformance.bench.ics import Ics
from conformance.bench.northbound import Northbound, NorthboundError
from conformance.bench.probe import Endpoint
from conformance.bench.run import Seat
from conformance.bench.scenarios import FEATURE_TAG, HOOK_TAG, Scenario, headings
from conformance.bench.wfm_binding import ANCHORS_FILE, signed_binding
from conformance.bench.wfm_control import control_hooks
from conformance.bench.wfm_identities import WFM_FILE, identities
from conformance.bench.wfm_patience import Patience
from conformance.bench.workers import Part
from conformance.catalogue import DEFAULT_REVISION, load
from conformance.cli.console import stderr
from conformance.cli.problems import Misuse
from conformance.cli.smoke import first_contact
from conformance.record.events import Fact
from conformance.record.file import EVENT_FILE, read
from simulator.identity.spiffe import client_spiffe_id, is_segment
from simulator.identity.trust import StaticTrust
from simulator.protocol.signed import ONBOARDING_PATH
from simulator.protocol.signed import REVISION as SIGNED_REVISION

CONNECT_S = 5.0
FIRST_CONTACT = "first-contact"
"""The client that a real WFM hears of before the run begins, where clients are made up."""
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class RealWfm:
    """A real WFM as it was given on the command line."""

    url: str
    identity: Path
    northbound: str | None = None
    control: str | None = None
    client_ids: tuple[str, ...] = ()
    fresh: bool = False
    packages: tuple[Path, ...] = ()
    accommodations: tuple[Accommodation, ...] = ()

    def arguments(self) -> Iterator[str]:
        """Give the options that say the same to another process."""
        yield from ("--url", self.url, "--identity", str(self.identity))
        for option, value in (("--northbound", self.northbound), ("--control", self.control)):
            yield from (option, value) if value else ()
        yield from ("--client-ids", ",".join(self.client_ids)) if self.client_ids else ()
        yield from ("--fresh",) if self.fresh else ()


def read_client_ids(given: str | None) -> tuple[str, ...]:
    """Read `a,b,c`, or a file with one id a line (`#` begins a comment). Raises Misuse."""
    if not given:
        return ()
    file = Path(given)
    try:
        text = file.read_text(encoding="utf-8") if file.is_file() else given.replace(",", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise Misuse("missing-file", f"--client-ids {given}: cannot be read: {error}", "check the file") from None
    ids = [line.partition("#")[0].strip() for line in text.splitlines()]
    found = tuple(dict.fromkeys(item for item in ids if item))
    wrong = next((item for item in found if not is_segment(item)), None)
    if wrong is not None:
        cause = f"--client-ids: expected letters, digits, '.', '_' and '-', found {wrong!r}"
        raise Misuse("identity", cause, "a client id is a part of a SPIFFE ID (ID-07)")
    if not found:
        raise Misuse("usage", f"--client-ids: expected at least one id, found none in {given!r}", "such as a,b,c")
    return found


def seat_of_real(
    ics: Ics, real: RealWfm, *, part: Part | None = None, lock: Path | None = None
) -> tuple[Seat, Northbound | None]:
    """Seat a real WFM; in a worker (`part`) what was checked before is not checked again.

    Raises Misuse when it is not reachable or nothing could be said to it, UsageError for what else cannot be used.
    """
    check_folder(real.identity, ics.revision)
    northbound = open_northbound(real.northbound) if real.northbound else None
    try:
        patience = Patience()
        seat = _seat(ics, real, northbound, wfm_seat.Sharing(real.client_ids, real.fresh, part, lock), patience)
        if part is None:
            _check(real, northbound, patience, ics.revision)
    except BaseException:
        if northbound is not None:
            northbound.close()
        raise
    return seat, northbound


def _seat(
    ics: Ics, real: RealWfm, northbound: Northbound | None, sharing: wfm_seat.Sharing, patience: Patience
) -> Seat:
    hooks = control_hooks(real.control) if real.control else None
    apps = applications(real.packages)
    seat = wfm_seat.external_seat(ics, real.url, northbound, real.identity, apps, hooks, sharing, patience)
    return wfm_seat.accommodating(seat, real.accommodations)


def check_folder(folder: Path, revision: str) -> None:
    """Refuse a folder with the credentials of another revision."""
    own, foreign = (WFM_FILE, ANCHORS_FILE) if revision == DEFAULT_REVISION else (ANCHORS_FILE, WFM_FILE)
    if (folder / foreign).exists() and not (folder / own).exists():
        cause = f"--identity {folder}: expected {own}, found {foreign}: the credentials of another revision"
        hint = f"for {revision}: `serve wfm --revision {revision} --identity DIR` writes a folder"
        raise Misuse("revision", cause, hint)


def _check(real: RealWfm, northbound: Northbound | None, patience: Patience, revision: str) -> None:
    endpoint = Endpoint.of(real.url)
    _check_reachable("--url", endpoint.host, endpoint.port)
    for option, address in (("--northbound", real.northbound), ("--control", real.control)):
        if address and "://" in address:
            parts = urlsplit(address)
            _check_reachable(option, parts.hostname or "", parts.port or _PORTS.get(parts.scheme, 80))
    if revision == DEFAULT_REVISION:
        _check_first_contact(endpoint, real, patience)
    else:
        _check_signed_contact(endpoint, real)
    _check_northbound(northbound)


def tell_blocked(seat: Seat, scenarios: list[Scenario]) -> None:
    """Say, before anything runs, which of the scenarios will be blocked and for want of what."""
    wanting: dict[str, list[Scenario]] = defaultdict(list)
    blocked = 0
    claims = set(seat.ics.claims(load(seat.ics.revision)))
    for scenario in scenarios:
        if not claims.issuperset(scenario.tagged(FEATURE_TAG)):
            continue  # it does not apply
        missing = [name for name in scenario.tagged(HOOK_TAG) if name not in seat.hooks]
        blocked += bool(missing)
        for name in missing:
            wanting[name].append(scenario)
    if not blocked:
        return
    console = stderr()
    console.print(f"{blocked} of {len(scenarios)} scenarios will be blocked, for the bench lacks:", markup=False)
    for name, lacking in sorted(wanting.items()):
        console.print(f"  {name}: {'; '.join(sorted(headings(lacking)))}", markup=False, soft_wrap=True)


def tell_left(out: Path, northbound: Northbound | None) -> None:
    """Remove the packages a run brought in, where the adapter can, and say what was cleaned up and what stays."""
    facts = [event for event in read(out / EVENT_FILE) if isinstance(event, Fact)]
    tidied = [fact.data for fact in facts if fact.kind == "cleaned-up"]
    left = sorted({str(item) for data in tidied for item in data["left"]})
    packages = _uploaded(facts)
    kept = packages if northbound is None else [one for one in packages if not _removed(northbound, *one)]
    left += [f"package {application} {version}" for application, version in kept]
    counts = {name: sum(int(data[name]) for data in tidied) for name in ("deployments", "devices")}
    done = f"cleaned up: {counts['deployments']} deployments, {counts['devices']} devices"
    done += f", {len(packages) - len(kept)} packages" if packages else ""
    stderr().print(done + (f"; left behind: {len(left)}" if left else ""), markup=False)
    for item in left[:SHOWN_LEFT]:
        stderr().print(f"  {item}", markup=False)
    if len(left) > SHOWN_LEFT:
        stderr().print(f"  and {len(left) - SHOWN_LEFT} more, in the record as `cleaned-up`", markup=False)


SHOWN_LEFT = 10


def _uploaded(facts: list[Fact]) -> list[tuple[str, str]]:
    calls = [fact.data for fact in facts if fact.kind == "northbound-call" and fact.data.get("operation") == "upload"]
    done = [call["arguments"] for call in calls if call.get("failed") is None]
    return sorted({(str(item["application"]), str(item["version"])) for item in done})


def _removed(northbound: Northbound, application: str, version: str) -> bool:
    northbound.listen(lambda _: None)  # the record is sealed by now
    try:
        northbound.do("remove_package", application=application, version=version)
    except (NorthboundError, Blocked):
        return False
    return True


def _check_first_contact(endpoint: Endpoint, real: RealWfm, patience: Patience) -> None:
    """Refuse a WFM that no scenario could talk to, rather than have all of them fail for the same reason.

    What else is amiss is said, and a WFM that is silent is doubted: the run shows whether it stays so.
    """
    authority, wfm_id, given = identities(real.identity)
    client_id = next(iter((*real.client_ids, *given)), FIRST_CONTACT)
    try:
        svid = authority.issue(client_spiffe_id(authority.trust_domain, wfm_id, client_id))
    except Blocked:
        there = f"there are: {', '.join(given)}"
        raise UsageError(f"--client-ids: expected clients of {real.identity}, found {client_id}; {there}") from None
    contact = asyncio.run(first_contact(endpoint, svid, StaticTrust(authority.bundle())))
    found = contact.amiss
    if found is None:
        return
    closer = "`margo-conformance doctor --url URL --identity DIR` looks closer"
    where = f"{endpoint.host} port {endpoint.port}"
    if not contact.hopeless:
        if contact.silent:
            patience.doubt(found.found)
        said = f"warning: a first contact with {where} as client {client_id}: {found.found}"
        stderr().print(f"{said}\n  hint: {found.hint}", markup=False, soft_wrap=True)
        return
    if found.what == "tls":
        hint = f"check that the WFM speaks HTTPS there, and that --identity belongs to it; {closer}"
        raise Misuse("tls", f"--url: no TLS connection with {where}: {found.found}", hint)
    trusted = "is not trusted by" if found.what == "wfm svid" else "does not trust"
    cause = f"--identity {real.identity}: the WFM at {where} {trusted} the authority in this folder: {found.found}"
    raise Misuse("identity", cause, f"give with --identity the folder the WFM's credentials come from; {closer}")


def _check_signed_contact(endpoint: Endpoint, real: RealWfm) -> None:
    """Refuse a WFM whose server is not trusted, or that answers in another revision than 1.0.0-rc.2-signed."""
    context = signed_binding(real.identity, real.client_ids).anchors.client_context()
    where = f"https://{endpoint.authority}{endpoint.prefix}"
    below = [step.path for item in real.accommodations for step in item.sent if isinstance(step, Prefix)]
    try:
        with httpx.Client(verify=context, timeout=CONNECT_S) as client:
            for path in ("", *below):
                answer = client.post(f"{where}{path}{ONBOARDING_PATH}", json={})
                if answer.status_code not in (404, 405):
                    break
    except httpx.TransportError as error:
        # with TLS 1.3 a server that wants a client's certificate ends the connection after the client's own handshake
        if not isinstance(error, httpx.ConnectError | httpx.TimeoutException):
            raise _another_revision(where, "ends the connection of a client without a certificate") from None
        cause = f"--identity {real.identity}: no TLS connection with {where}: {error}"
        raise Misuse("tls", cause, f"{ANCHORS_FILE} in it has to vouch for the WFM's server") from None
    if answer.status_code in (404, 405):
        raise _another_revision(where, f"answers {answer.status_code} at {ONBOARDING_PATH}")


def _another_revision(where: str, found: str) -> Misuse:
    cause = f"--url: the WFM at {where} does not speak 1.0.0-rc.2-signed: it {found}"
    hint = (
        f"try without --revision, for {DEFAULT_REVISION}; a WFM that nearly speaks it, say below another path, "
        "is understood with --accommodate; which ones, "
        f"`doctor --url URL --identity DIR --revision {SIGNED_REVISION}` tells"
    )
    return Misuse("revision", cause, hint)


ASKED_BEFORE = {
    "reference": "give the address of the operator's API without a path; the WFM's own address belongs to --url",
    "symphony": "check `url` and `base` of the adapter file, and that the WFM runs",
}
"""Adapters whose list of devices is asked for before a run, and what to look at where there is none."""


def _check_northbound(northbound: Northbound | None) -> None:
    """Refuse an operator's API that gives no list of devices, where asking for it does nothing else."""
    if northbound is None or northbound.adapter.kind not in ASKED_BEFORE:
        return
    try:
        northbound.devices(FIRST_CONTACT)
    except NorthboundError as error:
        cause = f"--northbound: no operator's API answers there: {error}"
        raise Misuse("northbound", cause, ASKED_BEFORE[northbound.adapter.kind]) from None


def _check_reachable(option: str, host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        cause = f"{option}: {host} port {port} cannot be reached: {error.strerror or error}"
        hint = "check address and port, and that the WFM runs; `margo-conformance doctor --url URL` looks closer"
        raise Misuse("unreachable", cause, hint) from None
