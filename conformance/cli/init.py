"""`init`: drafts the statement (ICS) a supplier makes about a device or a WFM."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

if TYPE_CHECKING:
    from conformance.record.events import Role

ProfileOption = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Shipped profile to start from.")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="What your product is called.")]
File = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write here instead of to stdout.")]


def register(app: typer.Typer) -> None:
    """Add the verb for both roles."""
    use = "Edit it, then give it to `run {role} --ics FILE`."
    what = "what it claims to support and how it behaves where the specification leaves it open"
    app.command(
        "device",
        short_help="Draft the statement about a device.",
        help=help_of(
            f"Draft the statement about your device: {what}. {use.format(role='device')} With --listen your device is "
            "watched for a minute, and the draft says what was seen, with the evidence, and what is left to decide.",
            "init device > ics.yaml",
            "init device --listen 0.0.0.0:8443 --out ics.yaml",
            "init device --listen 0.0.0.0:8443 --offer --out ics.yaml",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(device)
    app.command(
        "wfm",
        short_help="Draft the statement about a wfm.",
        help=help_of(
            f"Draft the statement about your wfm: {what}. {use.format(role='wfm')}",
            "init wfm > ics.yaml",
            "init wfm --out ics.yaml",
        ),
        epilog=EXIT_CODES_PLAIN,
    )(wfm)


def device(  # noqa: PLR0913 - one parameter for each option
    *,
    profile: ProfileOption = None,
    name: Name = None,
    revision: options.Revision = None,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="HOST:PORT", help="Watch the real device that comes here.")
    ] = None,
    watch: Annotated[
        float, typer.Option("--watch", metavar="SECONDS", min=1, help="How long it is watched, once it is there.")
    ] = 60.0,
    wait: Annotated[
        float, typer.Option("--wait", metavar="SECONDS", min=1, help="How long to wait for it to come.")
    ] = 300.0,
    offer: Annotated[
        bool, typer.Option("--offer", help="Publish one application meanwhile, and withdraw it again.")
    ] = False,
    app: options.Apps = None,
    public_host: Annotated[
        str | None, typer.Option("--public-host", metavar="NAME", help="What the device knows this host by.")
    ] = None,
    identity: Annotated[
        Path, typer.Option("--identity", metavar="DIR", help="Where the device's credentials are written.")
    ] = options.DEFAULT_IDENTITY,
    reuse_identity: Annotated[
        bool, typer.Option("--reuse-identity", help="Go on with the credentials that are in --identity already.")
    ] = False,
    out: File = None,
) -> None:
    """Draft the statement about a device."""
    from conformance.cli.problems import Misuse

    if listen is None:
        if offer or app:
            raise Misuse("usage", "--offer and --app: there is no device to offer it to", "add --listen HOST:PORT")
        _write(_template("device", profile, name, revision), "device", out)
        return
    from conformance.bench.watching import Watch
    from conformance.catalogue import DEFAULT_REVISION, load
    from conformance.cli.drafting import draft
    from conformance.cli.watching import Door, learned_from, watch_device

    _refuse_present(out)  # before anybody waits
    catalogue = load(revision or DEFAULT_REVISION)
    wanted = catalogue.profile("device", profile).name if profile else None
    door = Door(listen, public_host, identity, reuse_identity)
    watched = watch_device(door, revision, tuple(app or ()), Watch(watch, wait, offer=offer))
    seen = watched.sightings
    chosen = catalogue.profile("device", wanted or seen.profile)
    called = name or str(seen.own.get("modelNumber") or "my device")
    more = f" --listen {listen} --identity {identity} --reuse-identity"
    _write(draft(catalogue, chosen, "device", called, learned_from(watched)), "device", out, more)


def wfm(profile: ProfileOption = None, name: Name = None, revision: options.Revision = None, out: File = None) -> None:
    """Draft the statement about a WFM."""
    _write(_template("wfm", profile, name, revision), "wfm", out)


def _template(role: Role, profile: str | None, name: str | None, revision: str | None) -> Iterable[str]:
    from conformance.catalogue import DEFAULT_REVISION, load
    from conformance.cli.drafting import draft

    catalogue = load(revision or DEFAULT_REVISION)
    chosen = catalogue.profile(role, profile) if profile else catalogue.profiles(role)[0]
    return draft(catalogue, chosen, role, name or f"my {'WFM' if role == 'wfm' else role}")


def _refuse_present(out: Path | None) -> None:
    from conformance.cli.problems import Misuse

    if out is not None and out.exists():
        raise Misuse("file-exists", f"{out}: is there already", "choose another file, or remove this one")


def _write(lines: Iterable[str], role: Role, out: Path | None, more: str = "") -> None:
    """Write a draft to a file that is not there yet, or to stdout. Raises Misuse, OSError."""
    from conformance.cli.console import plain, stderr

    text = "\n".join(lines)
    if out is None:
        plain(text)
        return
    _refuse_present(out)
    with out.open("x", encoding="utf-8") as file:
        file.write(text + "\n")
    stderr().print(
        f"{out} written: edit it, then `margo-conformance run {role}{more} --ics {out}`", markup=False, soft_wrap=True
    )
