"""`run wfm`: the suite against a WFM - the reference, or a real one at a URL."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES, help_of

if TYPE_CHECKING:
    from conformance.bench.ics import Ics
    from conformance.bench.run import Seat
    from conformance.bench.scenarios import Scenario
    from conformance.cli.running import Filters
    from conformance.cli.seat_wfm import RealWfm


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "wfm",
        short_help="Run the suite against a WFM.",
        help=help_of(
            "Run the suite against a WFM. With --url it is yours: --identity names the folder with the credentials, "
            "--northbound its operator's API or an adapter file (`explain adapters`), without which scenarios that "
            "deploy are blocked. What will be blocked is listed before the run, and what the run made is taken away "
            "after it. Otherwise the reference WFM is the subject.",
            "run wfm --url URL --identity DIR --northbound adapter.yaml",
            "run wfm --url URL --identity DIR --client-ids a,b",
            "run wfm --url URL --identity DIR --accommodate NAME",
            "run wfm --req SEC-011",
            "run wfm --target simulated:NAME      # catch a defect",
        ),
        epilog=EXIT_CODES,
    )(run_wfm)


def run_wfm(  # noqa: PLR0913 - one parameter for each option
    *,
    target: options.Target = None,
    url: Annotated[str | None, typer.Option("--url", metavar="URL", help="Address of a real WFM.")] = None,
    identity: Annotated[
        Path | None,
        typer.Option("--identity", metavar="DIR", help="Folder with the authority the WFM trusts, or its SVIDs."),
    ] = None,
    northbound: Annotated[
        str | None, typer.Option("--northbound", metavar="URL|FILE", help="The operator's API, or an adapter file.")
    ] = None,
    client_ids: Annotated[
        str | None,
        typer.Option(
            "--client-ids",
            metavar="A,B|FILE",
            help="The only clients the WFM takes. Default: `clients` of the statement, or made up.",
        ),
    ] = None,
    fresh: Annotated[bool, typer.Option("--fresh", help="The WFM has nothing of the --client-ids yet.")] = False,
    control: Annotated[
        str | None, typer.Option("--control", metavar="URL", help="Control API, of a reference WFM only.")
    ] = None,
    ics: options.Ics = None,
    app: options.Apps = None,
    req: options.Requirements = None,
    tag: options.Tags = None,
    text: options.Text = None,
    failed: options.Failed = False,
    failed_of: options.FailedOf = None,
    revision: options.Revision = None,
    accommodate: options.Accommodate = None,
    jobs: options.Jobs = None,
    replay: options.Replay = None,
    part: options.PartOption = None,
    lock: Annotated[Path | None, typer.Option("--lock", hidden=True, help="For workers: where to take turns.")] = None,
    out: options.Out = options.DEFAULT_OUT,
    as_json: options.AsJson = False,
) -> None:
    """Choose the seat, then run."""
    from conformance.bench.accommodations.loading import accommodations
    from conformance.bench.wfm_seat import accommodating
    from conformance.cli.problems import Misuse
    from conformance.cli.running import Filters, Spread, carry_out, statement, worker_command
    from conformance.cli.seat_wfm import RealWfm, read_client_ids
    from conformance.cli.seats import mutant_of, simulated

    if url and target:
        raise Misuse("usage", "--url and --target: only one of them can be the subject", "leave one of them out")
    if url is None and (identity or northbound or control or client_ids):
        cause = "--identity, --northbound, --control and --client-ids: they belong to a WFM at a --url"
        raise Misuse("usage", cause, "give --url too")
    said = statement("wfm", ics, revision)
    past = accommodations(accommodate or (), "wfm", said.revision)
    packages = tuple(app or ())
    filters = Filters.of(req, tag, text, failed=failed, failed_of=failed_of)
    if replay:
        from conformance.cli.searching import carry_out_replay, subject_of

        target = target if url else target or subject_of(replay, "wfm")
    if url is None:
        command = worker_command("wfm", target, ics, packages, revision=said.revision, accommodate=accommodate)
        spread = Spread((command,), jobs, part)
        seat = accommodating(simulated(said, mutant_of(target, "wfm", said.revision), packages), past)
        if replay:
            raise typer.Exit(carry_out_replay(seat, replay, as_json=as_json))
        raise typer.Exit(carry_out((seat,), out, filters, as_json=as_json, spread=spread))
    if identity is None:
        hint = "`margo-conformance serve wfm --identity DIR` makes such a folder, to copy from"
        raise Misuse("usage", "--url: needs --identity, the folder with the test authority the WFM trusts", hint)
    said = said if ics else said.of_profile
    clients = read_client_ids(client_ids) or said.clients
    real = RealWfm(url, identity, northbound, control, clients, fresh, packages, past)
    if replay:
        from conformance.cli.seat_wfm import seat_of_real

        raise typer.Exit(carry_out_replay(seat_of_real(said, real)[0], replay, as_json=as_json))
    if part:
        raise typer.Exit(_worker(said, real, part, lock, out))
    command = worker_command("wfm", None, ics, packages, revision=said.revision, accommodate=accommodate)
    command = (*command, *real.arguments())
    raise typer.Exit(_real(said, real, filters, out, command, jobs, as_json=as_json))


def _worker(said: Ics, real: RealWfm, part: str, lock: Path | None, out: Path) -> int:
    from conformance.bench.workers import Part
    from conformance.cli.running import Filters, Spread, carry_out
    from conformance.cli.seat_wfm import seat_of_real

    seat, _ = seat_of_real(said, real, part=Part.parse(part), lock=lock)
    return carry_out((seat,), out, Filters(), as_json=False, spread=Spread(part=part))


def _real(
    said: Ics, real: RealWfm, filters: Filters, out: Path, command: tuple[str, ...], jobs: int | None, *, as_json: bool
) -> int:
    """Run against a real WFM, alone unless several processes were asked for; then clean up."""
    from conformance.cli.problems import Misuse
    from conformance.cli.running import Spread, carry_out
    from conformance.cli.seat_wfm import seat_of_real, tell_blocked, tell_left

    seat, northbound = seat_of_real(said, real)
    if northbound is not None and northbound.adapter.kind == "manual" and (jobs or 1) > 1:
        raise Misuse("usage", "--jobs: one person cannot serve several processes", "leave --jobs out")
    if real.client_ids and (jobs or 1) > len(real.client_ids):
        cause = f"--jobs: expected at most {len(real.client_ids)}, one for each of the --client-ids, found {jobs}"
        raise Misuse("usage", cause, "give more client ids, or fewer --jobs")
    tell_blocked(seat, _selected(seat, filters))
    with tempfile.TemporaryDirectory(prefix="margo-turns-") as folder:
        spread = Spread(((*command, "--lock", str(Path(folder) / "turn")),), jobs or 1)
        code = carry_out((seat,), out, filters, as_json=as_json, spread=spread)
    sys.stdout.flush()
    tell_left(out, northbound)
    if northbound is not None:
        northbound.close()
    return code


def _selected(seat: Seat, filters: Filters) -> list[Scenario]:
    """The scenarios that the filters take; of a rerun, all, for which ones is told by the run itself."""
    from conformance.bench.scenarios import Selection, scenarios

    wanted = Selection(filters.requirements, filters.tags, filters.texts)
    return [item for item in scenarios(seat.role, seat.ics.revision) if wanted.takes(item)]
