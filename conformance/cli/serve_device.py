"""`serve device`: one simulated device against any WFM, with a line for everything that happens."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

CONTROL_HOST = "127.0.0.1"

if TYPE_CHECKING:
    from aiohttp import web

    from conformance.cli.connection import Connection
    from conformance.cli.device_log import DeviceLog
    from conformance.cli.device_trust_source import ServiceTrust
    from simulator.device.config import DeviceConfig
    from simulator.device.driver import SimulatedDevice
    from simulator.device.signed import Signing
    from simulator.identity.svid import Svid
    from simulator.identity.trust import StaticTrust
    from simulator.protocol.capabilities import DeviceCapabilities


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "device",
        short_help="Run one simulated device against any WFM.",
        help=help_of(
            "Run one simulated device against a WFM until it is stopped with Ctrl-C or SIGTERM. Nothing is really "
            "installed; the device behaves as if. Every request, refusal and change is printed as a line.",
            "serve device --wfm https://localhost:8443 --identity DIR",
            "serve device --wfm URL --svid F --key F --trust-bundle F",
            "serve device --connection DIR/connection.json",
            "serve device --wfm URL --identity DIR --gateway --child a",
            "serve device --connection F --algorithm rsa-pss-sha256",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(serve_device)


def serve_device(  # noqa: PLR0913 - one parameter for each option
    *,
    wfm: Annotated[
        str | None, typer.Option("--wfm", metavar="URL", help="Address of the WFM, https://host:port.")
    ] = None,
    connection: Annotated[
        Path | None,
        typer.Option(
            "--connection", metavar="FILE", help="The connection.json of `run device --listen`, for all this."
        ),
    ] = None,
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="DIR", help="Identity folder as written by `serve wfm`.")
    ] = None,
    svid: Annotated[Path | None, typer.Option("--svid", metavar="FILE", help="The device's SVID, PEM.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Its private key, PEM.")] = None,
    trust_bundle: Annotated[
        Path | None, typer.Option("--trust-bundle", metavar="FILE", help="The trust bundle, a SPIFFE bundle in JSON.")
    ] = None,
    revision: options.Revision = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="FILE", help="Its certificate, PEM, where it signs (1.0.0-rc.2-signed)."),
    ] = None,
    root_ca: Annotated[
        Path | None, typer.Option("--root-ca", metavar="FILE", help="The root CA of the WFM's server, PEM, then.")
    ] = None,
    algorithm: Annotated[
        str | None,
        typer.Option("--algorithm", metavar="NAME", help="How it signs, then; default: the usual one of its key."),
    ] = None,
    certificate_encoding: options.CertificateEncoding = None,
    client_id: Annotated[
        str | None, typer.Option("--client-id", metavar="ID", help="Which client of the identity folder; the first.")
    ] = None,
    device_id: Annotated[
        str | None, typer.Option("--device-id", metavar="ID", help="The device's id; default: the client's.")
    ] = None,
    poll_interval: Annotated[
        float, typer.Option("--poll-interval", metavar="SECONDS", min=0.1, help="Time between two polls.")
    ] = 10.0,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="DIR", help="Where state outlives a restart; default: nowhere.")
    ] = None,
    capabilities: Annotated[
        Path | None, typer.Option("--capabilities", metavar="FILE", help="A capabilities report (JSON) to send.")
    ] = None,
    control_port: Annotated[
        int | None,
        typer.Option("--control-port", metavar="PORT", min=0, max=65535, help="Obey hooks at this loopback port."),
    ] = None,
    gateway: Annotated[bool, typer.Option("--gateway", help="Be a see-thru gateway.")] = False,
    child: Annotated[
        list[str] | None, typer.Option("--child", metavar="ID", help="A device behind the gateway; may be repeated.")
    ] = None,
) -> None:
    """Load the credentials, then run until stopped."""
    from conformance.bench.probe import Endpoint
    from conformance.cli.addresses import Wanted, check_free
    from conformance.cli.checking import check_folder
    from conformance.cli.connection import Connection
    from conformance.cli.identity_folder import SAMPLE_CLIENTS, IdentityFolder, load_files
    from conformance.cli.problems import Misuse
    from conformance.cli.serving import serve_until_stopped
    from conformance.cli.signing_files import Manner, signing_of
    from simulator.device.config import DeviceConfig

    sheet = Connection.load(connection) if connection else None
    if sheet is not None:
        if wfm or identity or svid or key or trust_bundle:
            raise Misuse("usage", "--connection tells all of it", "leave --wfm and the credentials out")
        wfm, svid, key, trust_bundle = sheet.wfm, sheet.svid, sheet.key, sheet.trust_bundle
    if wfm is None:
        raise Misuse("usage", "where the WFM is has to be said", "add --wfm URL, or --connection FILE")
    Endpoint.of(wfm)
    if state is not None:
        check_folder("--state", state)
    if child and not gateway:
        raise Misuse("usage", "--child: only a gateway has devices behind it", "add --gateway")
    credential: Svid | None = None
    trust: StaticTrust | None = None
    signing: Signing | None = None
    if _signs(revision, algorithm, certificate_encoding):
        signing = signing_of(identity, certificate, key, root_ca, Manner.of(algorithm, certificate_encoding))
    elif identity is not None:
        folder = IdentityFolder(identity)
        credential = folder.load_client(client_id)
        trust = folder.load_trust(credential.spiffe_id.trust_domain)
    else:
        credential, trust = load_files(svid, key, trust_bundle)
    own = _capabilities(capabilities) if capabilities else None
    usual = credential.spiffe_id.segments[-1] if credential else SAMPLE_CLIENTS[0]
    name = own.properties.id if own and device_id is None else device_id or usual
    if own is not None and own.properties.id != name:
        cause = f"{capabilities}: properties.id: expected {name}, found {own.properties.id}"
        raise Misuse("document", cause, "leave --device-id out, or change the file")
    config = DeviceConfig(
        wfm_url=wfm,
        svid=credential,
        trust=trust,
        signing=signing,
        device_id=name,
        capabilities=own,
        children=tuple(_child(name, item) for item in child or ()),
        gateway=gateway,
        poll_interval_s=poll_interval,
        drift_interval_s=3 * poll_interval,
        storage=state,
        registries=sheet.registries() if sheet else None,
    )
    config.facts()  # what cannot be said of a device is refused before it starts
    if control_port is not None:
        check_free([Wanted("--control-port", "--control-port", CONTROL_HOST, control_port)])
    with tempfile.TemporaryDirectory(prefix="margo-device-") as nowhere:
        cache = state or Path(nowhere)
        serve_until_stopped(lambda stop: _serve(config, stop, control_port, sheet, cache))


def _signs(revision: str | None, *how: str | None) -> bool:
    """Whether devices of a revision sign; `how` are options that only these have.

    Raises UnknownName, and Misuse for a revision that no device here speaks, or one that such an option is not for.
    """
    from conformance.bench.scenarios import RUNNABLE
    from conformance.catalogue import DEFAULT_REVISION, load
    from conformance.cli.problems import Misuse
    from simulator.protocol.signed import REVISION

    wanted = load(revision).revision if revision else DEFAULT_REVISION
    if wanted not in RUNNABLE["device"]:
        there = ", ".join(RUNNABLE["device"])
        raise Misuse("revision", f"no device here speaks revision {wanted}", f"there are {there}")
    if wanted != REVISION and any(how):
        cause = f"--algorithm, --certificate-encoding: in revision {wanted} nothing is signed"
        raise Misuse("usage", cause, f"add --revision {REVISION}")
    return wanted == REVISION


async def _serve(
    config: DeviceConfig, stop: asyncio.Event, control_port: int | None, sheet: Connection | None, cache: Path
) -> None:
    from conformance.cli.device_log import DeviceLog, talkative
    from simulator.device.driver import SimulatedDevice

    log = DeviceLog()
    service = sheet.trust(cache, config.poll_interval_s, log.say) if sheet else None
    config = replace(
        config,
        transport_class=talkative(config.transport_class, log),
        signed_class=talkative(config.signed_class, log),
        trust=service.source if service else config.trust,
    )
    device = SimulatedDevice(config)
    who = config.svid.spiffe_id if config.svid else "a client that signs"
    log.say(f"device {device.device_id} as {who}, polling {config.wfm_url}")
    control = await _control(device, service, control_port, log) if control_port is not None else None
    if service is not None:
        await service.start()
    await device.start()
    follower = asyncio.create_task(log.follow(device))
    waiter = asyncio.create_task(stop.wait())
    try:
        # a follower that ends did so with an error, which is raised here
        await asyncio.wait({follower, waiter}, return_when=asyncio.FIRST_COMPLETED)
        if follower.done():
            follower.result()
    finally:
        for task in (follower, waiter):
            task.cancel()
        await asyncio.gather(follower, waiter, return_exceptions=True)
        await device.stop()
        if service is not None:
            await service.stop()
        if control is not None:
            await control.cleanup()
        log.say("stopped")


async def _control(device: SimulatedDevice, service: ServiceTrust | None, port: int, log: DeviceLog) -> web.AppRunner:
    from aiohttp import web

    from conformance.cli.device_control import DeviceControl

    runner = web.AppRunner(DeviceControl(device, service).app(), access_log=None, handle_signals=False)
    await runner.setup()
    await web.TCPSite(runner, CONTROL_HOST, port).start()
    log.say(f"hooks at http://{CONTROL_HOST}:{runner.addresses[0][1]}/hook")
    return runner


def _capabilities(file: Path) -> DeviceCapabilities:
    from simulator.identity.files import read_file
    from simulator.protocol.capabilities import DeviceCapabilities
    from simulator.protocol.documents import parse_json

    return DeviceCapabilities.from_wire(parse_json(read_file(file, "capabilities"), str(file)), str(file))


def _child(gateway: str, name: str) -> DeviceCapabilities:
    from simulator.device.facts import default_capabilities

    return default_capabilities(name if name.startswith(f"{gateway}/") else f"{gateway}/{name}")
