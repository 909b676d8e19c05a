"""`serve wfm`: the reference WFM for real use, with the credentials a device needs to talk to it."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

if TYPE_CHECKING:
    from conformance.cli.identity_folder import IdentityFolder
    from simulator.wfm.packages import Package
    from simulator.wfm.server import ReferenceWfm, WfmConfig

STORE_FILE = "wfm.db"
OPERATOR_HOST = "127.0.0.1"


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "wfm",
        short_help="Run the reference WFM for real use.",
        help=help_of(
            "Run the reference WFM until it is stopped with Ctrl-C or SIGTERM. It makes (or takes up) a test authority "
            "in the identity folder, writes the trust bundle and SVIDs for sample devices there, and prints how to "
            "connect. The northbound and control APIs have no access control, and stay on this machine.",
            "serve wfm",
            "serve wfm --host 0.0.0.0 --accept line-7",
            "serve wfm --revision 1.0.0-rc.2-signed",
            "serve wfm --store postgresql+psycopg://wfm@db/margo",
            "serve wfm --app path/to/my-package",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(serve_wfm)


def serve_wfm(  # noqa: PLR0913 - one parameter for each option
    *,
    host: Annotated[str, typer.Option("--host", help="Address of the management API.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Its port; 0 takes a free one.")] = 8443,
    northbound_port: Annotated[
        int, typer.Option("--northbound-port", min=0, max=65535, help="Port of the operator's API, on the loopback.")
    ] = 8081,
    control_port: Annotated[
        int | None,
        typer.Option("--control-port", min=0, max=65535, help="Port of the control API (faults); off by default."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store", metavar="URL", help="SQLAlchemy URL, or `memory`; default: wfm.db in the identity folder."
        ),
    ] = None,
    app: Annotated[
        list[Path] | None,
        typer.Option("--app", metavar="DIR", help="Application package to offer northbound; may be repeated."),
    ] = None,
    identity: Annotated[
        Path, typer.Option("--identity", metavar="DIR", help="Where the test authority and credentials are kept.")
    ] = options.DEFAULT_IDENTITY,
    trust_domain: Annotated[
        str | None, typer.Option("--trust-domain", metavar="NAME", help="Trust domain of a new authority.")
    ] = None,
    wfm_id: Annotated[str | None, typer.Option("--wfm-id", metavar="ID", help="The WFM's id in SPIFFE IDs.")] = None,
    accept: Annotated[
        list[str] | None,
        typer.Option("--accept", metavar="CLIENT", help="Accept only this client; may be repeated. Default: any."),
    ] = None,
    revision: options.Revision = None,
    certificate_encoding: options.CertificateEncoding = None,
) -> None:
    """Prepare the identity folder, then serve until stopped."""
    from conformance.catalogue import DEFAULT_REVISION
    from conformance.cli.addresses import Wanted, check_free
    from conformance.cli.checking import check_folder
    from conformance.cli.identity_folder import DEFAULT_WFM_ID, SAMPLE_CLIENTS, IdentityFolder, check_id
    from conformance.cli.problems import Misuse
    from conformance.cli.running import runnable
    from conformance.cli.serve_signed import SignedHouse
    from conformance.cli.serve_signed import serve as serve_signed
    from conformance.cli.serving import serve_until_stopped
    from conformance.cli.signing_files import encoding_of
    from simulator.identity.trust import StaticTrust
    from simulator.wfm.packages import load_directory
    from simulator.wfm.server import WfmConfig

    packages = tuple(load_directory(folder) for folder in app or ())
    clients = tuple(dict.fromkeys(accept or SAMPLE_CLIENTS))
    for client in clients:
        check_id("client id", client)
    if wfm_id is not None:
        check_id("wfm-id", wfm_id)
    check_folder("--identity", identity)
    folder = IdentityFolder(identity)
    kept = folder.authority(trust_domain) if folder.has_authority else None
    # before anything is written: the credentials in the folder may be those of the WFM that has the port
    check_free(
        Wanted(host_option, port_option, address, number)
        for host_option, port_option, address, number in (
            ("--host", "--port", host, port),
            ("--northbound-port", "--northbound-port", OPERATOR_HOST, northbound_port),
            ("--control-port", "--control-port", OPERATOR_HOST, control_port),
        )
        if number is not None
    )
    if runnable("wfm", revision) != DEFAULT_REVISION:
        shown = WfmConfig(
            "unused",
            wfm_id or DEFAULT_WFM_ID,
            host=host,
            operator_host=OPERATOR_HOST,
            management_port=port,
            northbound_port=northbound_port,
            control_port=control_port,
            store_url=_store_url(store, identity),
        )
        hosts = frozenset({reachable_as(host), "localhost", "127.0.0.1"})
        house = SignedHouse(identity, clients, hosts, bool(accept), encoding_of(certificate_encoding, "pem"))
        serve_until_stopped(lambda stop: serve_signed(shown, house, packages, stop))
        return
    if certificate_encoding:
        raise Misuse(
            "usage", "--certificate-encoding: this revision gives no certificates", "add --revision 1.0.0-rc.2-signed"
        )
    authority = kept or folder.authority(trust_domain)
    name = wfm_id or folder.kept_wfm_id() or DEFAULT_WFM_ID
    svid = folder.issue_wfm(authority, name, (reachable_as(host),))
    for client in clients:
        folder.issue_client(authority, name, client)
    config = WfmConfig(
        trust_domain=authority.trust_domain,
        wfm_id=name,
        svid=svid,
        trust=StaticTrust(authority.bundle()),
        host=host,
        operator_host=OPERATOR_HOST,
        management_port=port,
        northbound_port=northbound_port,
        control_port=control_port,
        store_url=_store_url(store, identity),
        accepted=frozenset(accept) if accept else None,
    )
    serve_until_stopped(lambda stop: _serve(config, folder, clients, packages, stop))


def _store_url(store: str | None, identity: Path) -> str | None:
    """Give the store's URL: a file beside the identity unless something else is wanted; None for no store."""
    if store is None:
        return f"sqlite:///{(identity / STORE_FILE).resolve()}"
    return None if store == "memory" else store


async def _serve(
    config: WfmConfig,
    folder: IdentityFolder,
    clients: tuple[str, ...],
    packages: tuple[Package, ...],
    stop: asyncio.Event,
) -> None:
    from conformance.cli.console import stdout
    from simulator.wfm.server import ReferenceWfm

    console = stdout()
    async with ReferenceWfm(config) as wfm:
        for package in packages:
            await wfm.northbound.upload(package)
        for line in sheet(wfm, folder, clients):
            console.print(line, markup=False, soft_wrap=True)
        console.file.flush()
        await stop.wait()
    console.print("stopped")


def reachable_as(host: str) -> str:
    """Give the name by which a server that listens at `host` is reached."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared only
        return socket.gethostname()
    return "localhost" if host == "127.0.0.1" else host


def sheet(wfm: ReferenceWfm, folder: IdentityFolder, clients: tuple[str, ...]) -> Iterator[str]:
    """Give the lines of the connection sheet."""
    config = wfm.config
    host = reachable_as(config.host)
    url = f"https://{f'[{host}]' if ':' in host else host}:{wfm.management_port}"
    sample = folder.client(clients[0])
    accepted = ", ".join(sorted(config.accepted)) if config.accepted else "every client of this WFM"
    yield f"reference WFM {config.spiffe_id}"
    yield f"  listening on  {config.host} port {wfm.management_port}"
    yield f"  management    {url}"
    yield f"  northbound    http://{config.operator_host}:{wfm.northbound_port}/northbound/v1   (for operators)"
    if wfm.control_port is not None:
        yield f"  control       http://{config.operator_host}:{wfm.control_port}   (faults)"
    yield f"  store         {_without_password(config.store_url)}"
    yield f"  packages      {', '.join(' '.join(package.key) for package in wfm.shelf) or 'none'}"
    yield f"  accepts       {accepted}"
    yield "credentials (for tests only, valid for 30 days, made anew at each start)"
    yield f"  trust bundle  {folder.trust_bundle}"
    for client in clients:
        yield f"  {client:<12}  {folder.client(client) / 'svid.pem'}, {folder.client(client) / 'svid_key.pem'}"
    yield "try"
    yield (
        f"  curl --cacert {folder.path / 'root.pem'} --cert {sample / 'svid.pem'} --key {sample / 'svid_key.pem'} "
        f"{url}/api/v1/deployments"
    )
    yield f"  margo-conformance serve device --wfm {url} --identity {folder.path} --client-id {clients[0]}"
    operator = f"http://{config.operator_host}"
    control = f" --control {operator}:{wfm.control_port}" if wfm.control_port is not None else ""
    yield (
        f"  margo-conformance run wfm --url {url} --identity {folder.path} "
        f"--northbound {operator}:{wfm.northbound_port}{control}"
    )
    yield "Ctrl-C ends it."


def _without_password(url: str | None) -> str:
    from sqlalchemy import make_url

    return "in memory" if url is None else make_url(url).render_as_string(hide_password=True)
