"""`doctor`: whether this machine can run the suite, and whether a WFM can be talked to - each failure with a hint."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

if TYPE_CHECKING:
    from conformance.bench.probe import Endpoint
    from conformance.cli.diagnosis import Diagnosis


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "doctor",
        short_help="Look for what keeps a run from working; smoke test a WFM.",
        help=help_of(
            "Look for what could keep a run from working: this machine's Python, libraries, folders and ports; "
            "with --url not the ports but the way to a WFM: name, connection, TLS, SVIDs, first poll, and the known "
            "departures from the text that it shows, with the --accommodate to go on past them. Exit code 2 when "
            "something is amiss.",
            "doctor",
            "doctor --url https://localhost:8443 --identity DIR",
            "doctor --url URL --identity DIR --northbound adapter.yaml",
            "doctor --url URL --identity DIR --revision R",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(doctor)


def doctor(
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Address of a WFM to talk to.")] = None,
    identity: Annotated[
        Path | None, typer.Option("--identity", metavar="DIR", help="Identity folder with an SVID to present.")
    ] = None,
    client_id: Annotated[
        str | None, typer.Option("--client-id", metavar="ID", help="Which client of the folder; the first.")
    ] = None,
    northbound: Annotated[
        str | None, typer.Option("--northbound", metavar="URL|FILE", help="Try an operator's API or adapter file too.")
    ] = None,
    revision: options.Revision = None,
    out: options.Out = options.DEFAULT_OUT,
) -> None:
    """Examine one thing after the other, and tell each result as it is known."""
    from conformance.bench.probe import Endpoint
    from conformance.catalogue import DEFAULT_REVISION
    from conformance.cli.problems import USAGE
    from conformance.cli.running import runnable

    spoken = runnable("wfm", revision)

    endpoint = Endpoint.of(url) if url else None
    if identity is not None:
        from conformance.cli.seat_wfm import check_folder

        check_folder(identity, spoken)
    # with a WFM to talk to, the ports of `serve wfm` are its own: taken as they should be
    amiss = _tell(_environment(out, ports=endpoint is None))
    machine = len(amiss)
    if endpoint is not None and url is not None:
        from conformance.cli.smoke import FIRST_POLL, smoke

        if spoken == DEFAULT_REVISION:
            amiss += asyncio.run(_tell_async(smoke(endpoint, identity, client_id)))
        else:
            amiss += _tell(_signed(url, endpoint, identity))
        if identity is not None and set(amiss[machine:]) <= {FIRST_POLL}:
            from conformance.cli.departing import departures

            amiss += _tell(departures(url, identity, spoken, client_id, northbound))
    if northbound is not None and spoken == DEFAULT_REVISION:
        from conformance.cli.operator_check import try_operator

        amiss += _tell(try_operator(northbound, url, identity, client_id))
    if amiss:
        raise typer.Exit(USAGE)


def _signed(url: str, endpoint: Endpoint, identity: Path | None) -> Iterator[Diagnosis]:
    """The way to a WFM whose clients sign: it is an HTTPS server like any other."""
    from conformance.cli.departing import server_trusted
    from conformance.cli.diagnosis import Diagnosis
    from conformance.cli.smoke import reached

    results = asyncio.run(reached(endpoint))
    yield from results
    if not all(result.good for result in results):
        return
    if identity is None:
        hint = "give --identity, a folder with root-ca.pem, so that TLS and the departures can be looked at"
        yield Diagnosis("tls", False, "not tried: nothing vouches for the server", hint)
        return
    yield server_trusted(url, identity)


def _tell(results: Iterator[Diagnosis]) -> list[str]:
    """Print results as they come; gives what is amiss."""
    return [result.what for result in results if not _good(result)]


async def _tell_async(results: AsyncIterator[Diagnosis]) -> list[str]:
    return [result.what async for result in results if not _good(result)]


def _good(result: Diagnosis) -> bool:
    from rich.text import Text

    from conformance.cli.console import stdout

    mark, style = ("ok  ", "green") if result.good else ("FAIL", "bold red")
    stdout().print(Text.assemble((mark, style), f"  {result.what:<12} {result.found}"), soft_wrap=True)
    if not result.good and result.hint:
        stdout().print(Text(f"      hint: {result.hint}"), soft_wrap=True)
    return result.good


def _environment(out: Path, *, ports: bool) -> Iterator[Diagnosis]:
    from conformance.cli.diagnosis import environment

    yield from environment(out, ports=ports)
