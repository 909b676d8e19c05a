"""`run device`: the suite against a device - the simulated one, or a real one that connects to the bench."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES, help_of

if TYPE_CHECKING:
    from conformance.bench.device_world import Endpoint
    from conformance.bench.ics import Ics
    from conformance.bench.run import Seat
    from conformance.cli.pausing import Interactive

NEXT, NONE = "next free", "none"
"""Ports of what stands beside the WFM: chosen, or not offered at all."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command(
        "device",
        short_help="Run the suite against a device.",
        help=help_of(
            "Run the suite against a device. With --listen the bench waits for your device at that address, and writes "
            "the credentials it needs into the --identity folder; otherwise the simulated device is the subject. "
            "On a real device Ctrl-C pauses after the scenario under way, and --resume goes on later.",
            "run device --listen 0.0.0.0:8443 --ics my-device.yaml",
            "run device --listen 0.0.0.0:8443 --hooks hooks.yaml",
            "run device --listen 0.0.0.0:8443 --registry-port 8444",
            "run device --hooks hooks.yaml --check-hooks",
            "run device --listen 0.0.0.0:8443 --accommodate NAME",
            "run device --req DS-069",
            "run device --target simulated:NAME   # catch a defect",
            "run device --failed                  # try again",
        ),
        epilog=EXIT_CODES,
    )(run_device)


def run_device(  # noqa: PLR0913 - one parameter for each option
    *,
    target: options.Target = None,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Wait here for a real device.")
    ] = None,
    public_host: Annotated[
        str | None, typer.Option("--public-host", metavar="NAME", help="What a real device knows this host by.")
    ] = None,
    registry_port: Annotated[
        str, typer.Option("--registry-port", metavar="PORT", help="The component registry, beside --listen; or `none`.")
    ] = NEXT,
    identity_port: Annotated[
        str, typer.Option("--identity-port", metavar="PORT", help="The identity service, beside --listen; or `none`.")
    ] = NEXT,
    identity: Annotated[
        Path, typer.Option("--identity", metavar="DIR", help="Where a real device's credentials are written.")
    ] = options.DEFAULT_IDENTITY,
    reuse_identity: Annotated[
        bool, typer.Option("--reuse-identity", help="Go on with the credentials that are in --identity already.")
    ] = False,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=1, help="How long to wait for a real device.")
    ] = 300.0,
    hooks: Annotated[
        Path | None, typer.Option("--hooks", metavar="FILE", help="Hooks of a real device; `list hooks` has examples.")
    ] = None,
    check_hooks: Annotated[
        bool, typer.Option("--check-hooks", help="Only examine the hooks: nothing is called, nothing runs.")
    ] = False,
    resume: Annotated[
        Path | None, typer.Option("--resume", metavar="RECORD", help="Go on with a run that was paused.")
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
    clock: options.Clock = None,
    jobs: options.Jobs = None,
    replay: options.Replay = None,
    part: options.PartOption = None,
    out: options.Out = options.DEFAULT_OUT,
    as_json: options.AsJson = False,
) -> None:
    """Choose the seat, then run."""
    from conformance.bench.accommodations.loading import accommodations
    from conformance.bench.device_seat import accommodating
    from conformance.cli.problems import Misuse
    from conformance.cli.running import Filters, Spread, carry_out, statement, worker_command
    from conformance.cli.seats import clock_of, fitting, mutant_of, simulated

    if listen and target:
        raise Misuse("usage", "--listen and --target: only one of them can be the subject", "leave one of them out")
    said = statement("device", ics, revision)
    past = accommodations(accommodate or (), "device", said.revision)
    packages = tuple(app or ())
    kind = clock_of(clock, real=listen is not None)
    filters = Filters.of(req, tag, text, failed=failed, failed_of=failed_of)
    if replay:
        from conformance.cli.searching import carry_out_replay, subject_of

        target = target if listen else target or subject_of(replay, "device")
    if listen or check_hooks:
        said = said if ics else said.of_profile
        address = _Address(listen, public_host, registry_port, identity_port)
        desk = _Desk(said, address, identity, reuse_identity or resume is not None, hooks, resume)
        if check_hooks:
            raise typer.Exit(desk.check())
        seat, interactive = accommodating(desk.seat(packages, wait), past), desk.interactive()
        if replay:
            raise typer.Exit(carry_out_replay(seat, replay, as_json=as_json))
        raise typer.Exit(carry_out((seat,), out, filters, as_json=as_json, interactive=interactive))
    if hooks or resume:
        raise Misuse("usage", "--hooks and --resume are for real devices", "add --listen HOST:PORT")
    mutant = mutant_of(target, "device", said.revision)
    seat = accommodating(simulated(said if ics else fitting(said, mutant), mutant, packages, kind), past)
    if replay:
        raise typer.Exit(carry_out_replay(seat, replay, as_json=as_json))
    command = worker_command("device", target, ics, packages, kind, said.revision, accommodate)
    spread = Spread((command,), jobs, part)
    raise typer.Exit(carry_out((seat,), out, filters, as_json=as_json, spread=spread))


@dataclass(frozen=True, slots=True)
class _Address:
    """Where a real device comes to, as it was typed."""

    listen: str | None
    public_host: str | None
    registry: str
    service: str

    def endpoint(self, kept: Path | None = None) -> Endpoint:
        """Read it; `kept` is the folder of an earlier run whose ports are taken again. Raises Misuse."""
        from conformance.cli.real_device import listening_at

        return listening_at(self.listen or "", self.public_host, (self.registry, self.service), kept)

    @property
    def built_in(self) -> frozenset[str]:
        """What the bench does by itself at this address."""
        from conformance.bench.device_external import offered
        from conformance.bench.device_world import Endpoint

        return offered(Endpoint(registry=_offer(self.registry), identity=_offer(self.service)))


def _offer(port: str) -> int | None:
    return None if port == NONE else 0


@dataclass(frozen=True, slots=True)
class _Desk:
    """What was typed for a real device."""

    ics: Ics
    address: _Address
    identity: Path
    reuse: bool
    hooks: Path | None
    resume: Path | None

    def check(self) -> int:
        """Examine the hooks; gives the exit code."""
        from conformance.bench.scenarios import Selection
        from conformance.cli.real_device import check_hooks, hooks_of

        return check_hooks(self.ics, hooks_of(self.ics, self.hooks), Selection(), self.address.built_in)

    def seat(self, packages: tuple[Path, ...], wait_s: float) -> Seat:
        """Give the seat. Raises Misuse, UsageError."""
        from conformance.bench.device_external import Arrangement
        from conformance.bench.device_seat import external_seat
        from conformance.bench.hooks.person import whoever_is_there
        from conformance.cli.checking import check_folder
        from conformance.cli.real_device import hooks_of

        check_folder("--identity", self.identity)
        arrangement = Arrangement(
            self.address.endpoint(self.identity if self.reuse else None),
            self.identity,
            hooks_of(self.ics, self.hooks),
            reuse=self.reuse,
            revision=self.ics.revision,
            person=whoever_is_there(),
        )
        return external_seat(self.ics, arrangement, packages, wait_s)

    def interactive(self) -> Interactive:
        """Give what is different from a run on the built-in device."""
        from conformance.cli.pausing import Interactive
        from conformance.cli.real_device import foretell, hooks_of

        there = self.address.built_in | set(hooks_of(self.ics, self.hooks))
        return Interactive(self.resume, lambda selection: foretell(self.ics, there, selection))
