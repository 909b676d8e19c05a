"""`simulate FILE --live URL`: the devices of a fleet, live, against any WFM."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from conformance.cli import simulate_shards, simulate_variants
from conformance.cli.helptext import help_of

if TYPE_CHECKING:
    from conformance.bench.fleet_operator import FleetOperator
    from conformance.bench.fleet_watch import FleetWatch, Judged
    from simulator.fleet.description import Fleet
    from simulator.fleet.live.hands import Hire
    from simulator.fleet.live.mapping import LiveOptions, Mapped
    from simulator.fleet.live.plan import LivePlan
    from simulator.fleet.live.result import LiveResult

NAME = "live"
FLAG = "--live"
MEASURED_FILE = "live.json"
INCOMPLETE = 4
BROKEN = 1
EXIT_CODES = (
    "Exit codes: 0 done, 1 the WFM broke a requirement, 2 usage or configuration, 3 error of the suite itself, "
    "4 ended early (Ctrl-C, or the WFM disappeared): what was seen until then is kept, 130 interrupted before the run."
)
SAMPLED_EXCHANGES = 100
SAMPLED_REFUSALS = 50


def wanted(args: list[str]) -> bool:
    """Whether a command line of `simulate` asks for live devices."""
    return any(arg == FLAG or arg.startswith(f"{FLAG}=") for arg in args)


def register(app: typer.Typer) -> None:
    """Add the verb; `simulate FILE --live URL` comes here."""
    app.command(
        NAME,
        short_help="Have live devices of a fleet come to a WFM (`simulate FILE --live URL`).",
        help=help_of(
            "Have the devices of a fleet come to a WFM at a URL, each over a connection and with credentials of its "
            "own; what the WFM answers is measured from the time at which each poll was due, and judged.",
            "simulate FILE --live https://wfm:8443 --identity DIR",
            "simulate FILE --live URL --identity DIR --devices 5000 --duration 10m",
            "simulate FILE --live URL --identity DIR --set cohorts.*.polling.period=10s",
            "simulate FILE --live URL --identity DIR --spike 5m,30s,10",
            "simulate FILE --live URL --identity DIR --storm 8m,0.5,20s",
            "simulate FILE --live URL --identity DIR --northbound URL",
            "simulate FILE --live URL --identity DIR --reconnect",
            "simulate FILE --live URL --identity DIR --processes 2",
            "simulate FILE --live URL --identity DIR --scheduler tls://10.0.0.5:8786",
        ),
        epilog=EXIT_CODES,
    )(live)


def live(  # noqa: PLR0913 - one parameter for each option
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Description of the fleet.")] = None,
    *,
    url: Annotated[str, typer.Option(FLAG, metavar="URL", help="Management interface of the WFM, https://host:port.")],
    identity: Annotated[
        Path,
        typer.Option("--identity", metavar="DIR", help="Credentials, as `serve wfm --identity` writes them."),
    ],
    example: Annotated[str | None, typer.Option("--example", metavar="NAME", help="A shipped example.")] = None,
    changed: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Another setting, such as cohorts.*.polling.period=30s."),
    ] = None,
    devices: Annotated[
        int | None, typer.Option("--devices", metavar="N", min=1, help="So many of the fleet, each cohort its share.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--duration", metavar="TIME", help="Instead of the description's, such as 10m.")
    ] = None,
    ramp: Annotated[
        str | None,
        typer.Option("--ramp", metavar="TIME", help="Devices start within this time. Default: as described."),
    ] = None,
    spike: Annotated[
        list[str] | None,
        typer.Option("--spike", metavar="AT,LASTS,FACTOR", help="For a time all poll so many times as often; repeat."),
    ] = None,
    storm: Annotated[
        list[str] | None,
        typer.Option(
            "--storm",
            metavar="AT,SHARE[,SPREAD]",
            help="Reboot storm: this part of the devices loses power and comes back within SPREAD (10s); repeat.",
        ),
    ] = None,
    keep_alive: Annotated[
        bool,
        typer.Option("--keep-alive/--reconnect", help="Keep connections between polls, or make a new one each time."),
    ] = True,
    connections: Annotated[
        int | None, typer.Option("--connections", metavar="N", min=1, help="At most so many are open at once.")
    ] = None,
    processes: Annotated[int, typer.Option("--processes", metavar="N", min=1, max=256, help="To share the work.")] = 1,
    source_ips: Annotated[
        str | None,
        typer.Option(
            "--source-ips", metavar="IP,IP,..", help="Addresses of this machine to come from, when ports run out."
        ),
    ] = None,
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="R", help="1.0.0-rc.3 (default) or 1.0.0-rc.2-signed.")
    ] = None,
    northbound: Annotated[
        str | None,
        typer.Option(
            "--northbound",
            metavar="URL|FILE",
            help="Carry the rollouts out: a reference WFM's operator API, or an adapter file.",
        ),
    ] = None,
    gone_after: Annotated[
        str, typer.Option("--gone-after", metavar="TIME", help="A WFM that answers nothing for so long ends the run.")
    ] = "15s",
    tell_every: Annotated[
        str, typer.Option("--tell-every", metavar="TIME", help="How often a line tells of the run, without a terminal.")
    ] = "10s",
    watch: Annotated[
        int, typer.Option("--watch", metavar="N", min=0, help="Judge the traffic of so many devices; 0: of none.")
    ] = 20,
    prefix: Annotated[str, typer.Option("--prefix", metavar="TEXT", help="Devices are called by it.")] = "fleet-",
    seed: simulate_variants.Seed = None,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")] = Path("fleet-results"),
    workers: simulate_shards.Workers = None,
    scheduler: simulate_shards.Scheduler = None,
    worker_identity: simulate_shards.WorkerIdentity = None,
) -> None:
    """Run a fleet live and write summary.json, tables, and the record of what was judged."""
    from conformance.cli.simulate import read_fleet
    from simulator.fleet.live.plan import Connections, Sample

    fleet = simulate_variants.changed(read_fleet(file, example), changed or [])
    if seed is not None:
        fleet = fleet.model_copy(update={"seed": seed})
    options_of = _import_options()
    from conformance.cli.live_options import planned, revision_of, spike_of, storm_of, time_of

    ips = tuple(part.strip() for part in source_ips.split(",") if part.strip()) if source_ips else ()
    asked = planned(
        lambda: options_of(
            devices=devices,
            duration_s=None if duration is None else time_of("--duration", duration),
            ramp_s=None if ramp is None else time_of("--ramp", ramp),
            spikes=tuple(map(spike_of, spike or ())),
            storms=tuple(map(storm_of, storm or ())),
            connections=Connections(keep_alive=keep_alive, limit=connections, source_ips=ips),
            processes=processes,
            revision=revision_of(revision),
            name_prefix=prefix,
            sample=Sample(watch, SAMPLED_EXCHANGES, SAMPLED_REFUSALS if watch else 0),
            operated=northbound is not None,
            gone_after_s=time_of("--gone-after", gone_after),
        )
    )
    every_s = time_of("--tell-every", tell_every)
    with simulate_shards.hired(workers, scheduler, worker_identity) as hired:
        count, hire = hired or (processes, None)
        run = _Run(fleet, replace(asked, processes=count), url, identity, northbound, out)
        code = run.carry_out(every_s, hire)
    raise typer.Exit(code)


class _Run:
    """One live run from the command line."""

    def __init__(
        self, fleet: Fleet, asked: LiveOptions, url: str, identity: Path, northbound: str | None, out: Path
    ) -> None:
        from conformance.cli.live_options import planned
        from simulator.fleet.live.mapping import mapped

        self._mapped: Mapped = planned(lambda: mapped(fleet, asked))
        self._url, self._identity, self._out = url, identity, out
        out.mkdir(parents=True, exist_ok=True)  # before the work, should it not be possible
        self._operator = operator_of(self._mapped, northbound) if northbound else None
        self._watch = self._watch_of() if asked.sample.devices else None

    def carry_out(self, tell_every_s: float, hire: Hire | None) -> int:
        """Run, write, tell; gives the exit code."""
        from conformance.cli.console import stderr

        console = stderr()
        for line in self._mapped.left_out:
            console.print(f"not as described: {line}", markup=False, soft_wrap=True)
        began = time.monotonic()
        try:
            result = ran(self._mapped.plan, self._url, self._identity, self._operator, self._watch, hire, tell_every_s)
        except BaseException:
            if self._watch:
                self._watch.abandon()
            raise
        judged = self._watch.judge() if self._watch else ()
        return self._written(result, judged, time.monotonic() - began)

    def _written(self, result: LiveResult, judged: tuple[Judged, ...], wall_s: float) -> int:
        from conformance.record.events import Outcome
        from conformance.record.file import EVENT_FILE
        from reports.fleet.page import write_report
        from simulator.fleet.live import results
        from simulator.fleet.results import write

        fleet = self._mapped.fleet
        summary = results.summary_of(fleet, result, wall_s)
        tables = results.tables_of(fleet, result)
        _add_operator(summary, tables, self._operator)
        _add_judged(tables["findings"], judged)
        summary["left_out"] = list(self._mapped.left_out)
        summary["compliance"] = {
            "judged_devices": result.plan.sample.devices,
            "record": EVENT_FILE if self._watch else None,
            "outcomes": {
                str(outcome): sum(item.outcome is outcome for item in judged) for outcome in Outcome
            },
            "broken": [
                {"requirement": item.requirement, "outcome": str(item.outcome), "text": item.text,
                 "times": item.times, "shown_by": item.shown}
                for item in judged
                if item.outcome in (Outcome.FAIL, Outcome.WARNING)
            ],
        }  # fmt: skip
        summary["findings"] = [finding.text for finding in result.findings]
        write(self._out, summary, tables, fleet)
        write_measured(self._out, result)
        write_report(self._out)
        _tell(summary, self._out)
        if any(item.outcome is Outcome.FAIL for item in judged):
            return BROKEN
        return 0 if summary["complete"] else INCOMPLETE

    def _watch_of(self) -> FleetWatch:
        from conformance.bench.fleet_watch import FleetWatch
        from simulator.fleet.live.tls import Wallet

        plan = self._mapped.plan
        client_of = Wallet.open(self._identity).name_of if plan.revision == "1.0.0-rc.3" else None
        return FleetWatch(self._out, self._url, plan.revision, client_of)


def ran(
    plan: LivePlan,
    url: str,
    identity: Path,
    operator: FleetOperator | None = None,
    watch: FleetWatch | None = None,
    hire: Hire | None = None,
    tell_every_s: float = 10.0,
) -> LiveResult:
    """Run a plan, shown as it goes; by processes of this machine unless others are hired. Raises Misuse."""
    from conformance.cli.live_progress import LiveBar
    from conformance.cli.problems import Misuse
    from simulator.fleet.live.driver import Progress, run_live
    from simulator.fleet.live.ready import NotReady
    from simulator.open_files import TooFewFiles

    with LiveBar(plan, tell_every_s) as bar:

        def heard(progress: Progress) -> None:
            if operator:
                operator.hear(progress)
            bar.show(progress)

        if operator:
            operator.start()
        try:
            return run_live(
                plan,
                url,
                identity,
                on_progress=heard,
                on_sample=watch.hear if watch else lambda _: None,
                on_announced=operator.announced if operator else lambda _: None,
                **({"hire": hire} if hire else {}),
            )
        except NotReady as error:
            raise Misuse("not-ready", str(error), "nothing was started; correct it and run again") from None
        except TooFewFiles as error:
            raise Misuse("open-files", str(error), "or bound them with --connections") from None
        finally:
            if operator:
                operator.finish()


def operator_of(mapped: Mapped, given: str) -> FleetOperator:
    """An operator with the rollouts of a fleet, whose packages the WFM has. Raises Misuse."""
    from conformance.bench.adapters.opening import open_northbound
    from conformance.bench.errors import Blocked
    from conformance.bench.fleet_operator import FleetOperator
    from conformance.bench.northbound import NorthboundError
    from conformance.cli.problems import Misuse

    operator = FleetOperator(mapped.fleet, mapped.plan, open_northbound(given))
    try:
        operator.bring_packages()
    except (NorthboundError, Blocked) as error:
        raise Misuse("northbound", str(error), "check the address given with --northbound") from None
    return operator


def write_measured(out: Path, result: LiveResult) -> None:
    """Write what `simulate calibrate` takes."""
    (out / MEASURED_FILE).write_text(json.dumps(result.measured()) + "\n")


def _add_operator(summary: dict[str, Any], tables: dict[str, Any], operator: FleetOperator | None) -> None:
    if operator is None:
        return
    events = tables["events"]
    rows = list(zip(*events.values(), strict=True))
    for number, rollout in enumerate(summary["rollouts"]):
        at = operator.paused_at(number)
        rollout["paused_at_s"] = at if at is None else round(at, 3)
        if at is not None:
            rows.append((round(at, 3), round(at, 3), "paused", rollout["revision"], 1.0))
    for n, name in enumerate(events):
        events[name] = [row[n] for row in sorted(rows)]
    steps = operator.steps
    names = ("at_s", "until_s", "what", "rollout", "devices", "failed", "example")
    tables["operator"] = {name: [getattr(step, name) for step in steps] for name in names}
    summary["operator"] = {"left_undone": list(operator.left_undone)}


def _add_judged(findings: dict[str, list[Any]], judged: tuple[Judged, ...]) -> None:
    for item in judged:
        row = {
            "kind": "compliance",
            "requirement": item.requirement,
            "outcome": str(item.outcome),
            "text": item.text,
            "from_s": round(item.at_s, 3),
            "to_s": round(item.at_s, 3),
            "times": item.times,
            "shown_by": item.shown,
        }
        for name, value in row.items():
            findings[name].append(value)


def _tell(summary: dict[str, Any], out: Path) -> None:
    from conformance.cli.console import plain
    from conformance.cli.simulate_rollouts import tell_rollouts

    plain(
        f"{summary['devices']:,} live devices, {summary['polls']:,} polls answered in {summary['ran_s']:,.0f} s, "
        f"{summary['requests_per_s']:,.1f} requests/s" + ("" if summary["complete"] else " (partial)")
    )
    plain(f"  {words_of_due(summary['polls_due'])}")
    for phase, latency in summary["poll_latency_s"].items():
        if latency["count"]:
            times = ", ".join(f"{name} {_ms(latency[name])}" for name in ("p50", "p90", "p99", "max"))
            without = f"; {latency['unanswered']:,} without answer" if latency["unanswered"] else ""
            plain(f"  {phase:<8}  {latency['count']:>9,} due polls: {times}{without}")
        elif latency["unanswered"]:
            plain(f"  {phase:<8}  {0:>9,} due polls were answered, {latency['unanswered']:,} were not")
    tell_rollouts(summary, summary["ran_s"])
    for text in (*summary["findings"], *summary.get("operator", {}).get("left_undone", ())):
        plain(f"  finding: {text}")
    for item in summary["compliance"]["broken"]:
        times = f" ({item['times']} times)" if item["times"] > 1 else ""
        plain(f"  {item['outcome']}: {item['requirement']}{times}: {item['text']} [{item['shown_by']}]")
    plain(str(out / "summary.json"))


def words_of_due(polls: dict[str, int]) -> str:
    """What became of the polls that came due; of what happened only."""
    several = polls["one_answer_for_several"]
    shared = f" ({several:,} of them by the answer to an earlier one)" if several else ""
    told = [f"{polls['answered']:,} answered{shared}"]
    names = {
        "unanswered": "never answered",
        "under_way": "not answered when the run was over",
        "no_network": "without the network of their site, as described",
    }
    told += [f"{polls[name]:,} {text}" for name, text in names.items() if polls[name]]
    return f"{polls['due']:,} polls came due: {', '.join(told)}"


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.1f} ms" if seconds < 1 else f"{seconds:,.2f} s"


def _import_options() -> type[LiveOptions]:
    from conformance.cli.problems import Misuse
    from conformance.cli.simulate import EXTRA

    try:
        from simulator.fleet.live.mapping import LiveOptions
        from simulator.fleet.profiles import Catalogue  # noqa: F401 - to see whether its library is there
    except ModuleNotFoundError as error:
        raise Misuse("missing-extra", str(error), EXTRA) from None
    return LiveOptions
