"""From options to seats: simulated subjects, broken ones, and real ones that are known to be there."""

import asyncio
import json
import socket
from pathlib import Path
from urllib.parse import urlsplit

from conformance.bench import device_seat, wfm_seat
from conformance.bench.applications import applications
from conformance.bench.ics import Ics
from conformance.bench.northbound import NorthboundError, ReferenceNorthbound
from conformance.bench.probe import Endpoint
from conformance.bench.run import Seat
from conformance.cli.addresses import Wanted, check_free
from conformance.cli.identity_folder import WFM_FILE
from conformance.cli.mutants import mutants
from conformance.cli.problems import Misuse
from conformance.cli.roles import unknown
from conformance.cli.smoke import hopeless
from conformance.record.events import Role
from simulator.identity.authority import Authority
from simulator.identity.spiffe import client_spiffe_id
from simulator.identity.trust import StaticTrust

SIMULATED = "simulated"
GATEWAY = "gateway"
"""A profile of devices, and what some defects need to show."""
CONNECT_S = 5.0
FIRST_CONTACT = "first-contact"
"""The client that a real WFM hears of before the run begins."""


def mutant_of(target: str | None, role: Role) -> str | None:
    """Read `simulated` or `simulated:MUTANT`; gives the mutant's name. Raises Misuse for anything else."""
    kind, colon, name = (target or SIMULATED).partition(":")
    if kind != SIMULATED:
        option = "--listen HOST:PORT" if role == "device" else "--url URL"
        cause = f"--target: expected simulated or simulated:MUTANT, found {target!r}"
        raise Misuse("unknown-target", cause, f"a real {role} is given with {option}")
    if not colon:
        return None
    names = [item.name for item in mutants(role)]
    if name not in names:
        raise unknown("mutant", name, names)
    return name


def fitting(ics: Ics, mutant: str | None) -> Ics:
    """Give the reference's statement with the profile in which the defect of a broken variant can show."""
    needs = next((item.needs for item in mutants(ics.role) if item.name == mutant), "")
    return ics.model_copy(update={"profile": GATEWAY}) if needs == GATEWAY else ics


def simulated(ics: Ics, mutant: str | None, packages: tuple[Path, ...]) -> Seat:
    """Seat the built-in subject of a role, or a broken variant. Raises UsageError for a package."""
    if ics.role == "device":
        return device_seat.simulated_seat(ics, mutant, packages)
    return wfm_seat.simulated_seat(ics, mutant, applications(packages))


def listening_device(ics: Ics, listen: str, folder: Path, packages: tuple[Path, ...], wait_s: float) -> Seat:
    """Seat a real device that connects to `HOST:PORT`; its credentials are written into the folder.

    Raises Misuse for an address that cannot be listened at, UsageError for a package.
    """
    host, port = _address(listen)
    # here rather than in each of its scenarios
    check_free([Wanted("--listen", "--listen", host, port)])
    return device_seat.external_seat(ics, host, port, folder, packages, wait_s)


def wfm_at(
    ics: Ics,
    url: str,
    *,
    identity: Path | None,
    northbound: str | None,
    control: str | None,
    packages: tuple[Path, ...],
) -> Seat:
    """Seat a real WFM.

    Raises Misuse when it is not reachable or nothing could be said to it, UsageError for what else cannot be used.
    """
    endpoint = Endpoint.of(url)
    if identity is None:
        hint = "`margo-conformance serve wfm --identity DIR` makes such a folder, to copy from"
        raise Misuse("usage", "--url: needs --identity, the folder with the test authority the WFM trusts", hint)
    operator = ReferenceNorthbound(northbound) if northbound else None
    hooks = wfm_seat.control_hooks(control) if control else None
    seat = wfm_seat.external_seat(ics, url, operator, identity, applications(packages), hooks)
    _check_reachable("--url", endpoint.host, endpoint.port)
    for option, address in (("--northbound", northbound), ("--control", control)):
        if address:
            parts = urlsplit(address)
            _check_reachable(option, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))
    _check_first_contact(endpoint, identity)
    if northbound:
        _check_northbound(northbound)
    return seat


def _check_first_contact(endpoint: Endpoint, identity: Path) -> None:
    """Refuse a WFM that no scenario could talk to, rather than have all of them fail for the same reason."""
    authority = Authority.load(identity)
    wfm_id = json.loads((identity / WFM_FILE).read_text(encoding="utf-8"))["wfmId"]  # the seat read it already
    svid = authority.issue(client_spiffe_id(authority.trust_domain, wfm_id, FIRST_CONTACT))
    found = asyncio.run(hopeless(endpoint, svid, StaticTrust(authority.bundle())))
    if found is None:
        return
    closer = "`margo-conformance doctor --url URL --identity DIR` looks closer"
    where = f"{endpoint.host} port {endpoint.port}"
    if found.what == "tls":
        hint = f"check that the WFM speaks HTTPS there, and that --identity belongs to it; {closer}"
        raise Misuse("tls", f"--url: no TLS connection with {where}: {found.found}", hint)
    trusted = "is not trusted by" if found.what == "wfm svid" else "does not trust"
    cause = f"--identity {identity}: the WFM at {where} {trusted} the authority in this folder: {found.found}"
    raise Misuse("identity", cause, f"give with --identity the folder the WFM's credentials come from; {closer}")


def _check_northbound(url: str) -> None:
    operator = ReferenceNorthbound(url, CONNECT_S)
    try:
        operator.devices(FIRST_CONTACT)
    except NorthboundError as error:
        hint = "give the address of the operator's API without a path; the WFM's own address belongs to --url"
        raise Misuse("northbound", f"--northbound: no operator's API answers there: {error}", hint) from None
    finally:
        operator.close()


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise Misuse("usage", f"--listen: expected HOST:PORT, found {text!r}", "such as 0.0.0.0:8443")
    return host.strip("[]"), int(port)


def _check_reachable(option: str, host: str, port: int) -> None:
    try:
        socket.create_connection((host, port), CONNECT_S).close()
    except OSError as error:
        cause = f"{option}: {host} port {port} cannot be reached: {error.strerror or error}"
        hint = "check address and port, and that the WFM runs; `margo-conformance doctor --url URL` looks closer"
        raise Misuse("unreachable", cause, hint) from None
