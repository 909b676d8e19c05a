"""`init`: drafts the statement (ICS) a supplier makes about a device or a WFM."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from conformance.cli import options
from conformance.cli.helptext import EXIT_CODES_PLAIN, help_of

if TYPE_CHECKING:
    from conformance.catalogue import Catalogue, Profile
    from conformance.record.events import Role

ProfileOption = Annotated[str | None, typer.Option("--profile", metavar="NAME", help="Shipped profile to start from.")]
Name = Annotated[str, typer.Option("--name", metavar="NAME", help="What your product is called.")]
File = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write here instead of to stdout.")]


def register(app: typer.Typer) -> None:
    """Add the verb for both roles."""
    for role, command in (("device", device), ("wfm", wfm)):
        app.command(
            role,
            short_help=f"Draft the statement about a {role}.",
            help=help_of(
                f"Draft the statement about your {role}: what it claims to support and how it behaves where the "
                f"specification leaves it open. Edit it, then give it to `run {role} --ics FILE`.",
                f"init {role} > ics.yaml",
                f"init {role} --out ics.yaml",
            ),
            epilog=EXIT_CODES_PLAIN,
        )(command)


def device(
    profile: ProfileOption = None, name: Name = "my device", revision: options.Revision = None, out: File = None
) -> None:
    """Draft the statement about a device."""
    _init("device", profile, name, revision, out)


def wfm(
    profile: ProfileOption = None, name: Name = "my WFM", revision: options.Revision = None, out: File = None
) -> None:
    """Draft the statement about a WFM."""
    _init("wfm", profile, name, revision, out)


def _init(role: Role, profile: str | None, name: str, revision: str | None, out: Path | None) -> None:
    from conformance.catalogue import DEFAULT_REVISION, load
    from conformance.cli.console import plain, stderr
    from conformance.cli.problems import Misuse

    catalogue = load(revision or DEFAULT_REVISION)
    chosen = catalogue.profile(role, profile) if profile else catalogue.profiles(role)[0]
    text = "\n".join(draft(catalogue, chosen, role, name)) + "\n"
    if out is None:
        plain(text.rstrip("\n"))
        return
    try:
        with out.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise Misuse("file-exists", f"{out}: is there already", "choose another file, or remove this one") from None
    stderr().print(f"{out} written: edit it, then `margo-conformance run {role} --ics {out}`", markup=False)


def draft(catalogue: Catalogue, profile: Profile, role: Role, name: str) -> Iterator[str]:
    """Give the lines of a statement, with comments that say what each part is for."""
    yield f"# What the supplier states about the {role} under test; the suite compares it with what it sees."
    yield f"role: {role}"
    yield f"revision: {catalogue.revision}"
    yield "subject:"
    yield f"  name: {json.dumps(name)}"
    yield "  # vendor: Example Inc."
    yield "  # version: 1.0.0"
    yield ""
    others = ", ".join(item.name for item in catalogue.profiles(role))
    yield f"# {profile.title} (there are: {others})"
    yield f"profile: {profile.name}"
    yield from _features(catalogue, profile, role)
    if role == "device":
        yield ""
        yield "# Seconds between two polls; the suite waits accordingly."
        yield "# poll-interval: 10"
        yield from _policies(catalogue)
    yield from _limits()


def _features(catalogue: Catalogue, profile: Profile, role: Role) -> Iterator[str]:
    features = catalogue.features(role)
    if not features:
        return
    yield ""
    yield "# What it has. Statements that belong to a feature hold only when it is claimed here."
    yield "features:" if profile.claims else "features: []"
    for feature in features:
        lead = "" if feature.name in profile.claims else "# "
        yield f"  {lead}- {feature.name}  # {feature.title}"


def _policies(catalogue: Catalogue) -> Iterator[str]:
    policies: dict[str, tuple[tuple[str, ...], list[str]]] = {}
    for behaviour in catalogue.behaviours:
        for name, values in behaviour.policy.items():
            policies.setdefault(name, (values, []))[1].append(behaviour.title)
    yield ""
    yield "# How it behaves where nothing is prescribed. Leave a line commented to declare nothing: then the suite"
    yield "# reports what it saw."
    yield "policies: {}"
    for name, (values, titles) in policies.items():
        yield f"#  {name}: {values[0]}  # {' | '.join(values)}: {'; '.join(titles)}"


def _limits() -> Iterator[str]:
    from conformance.bench.deadlines import Deadlines

    yield ""
    yield "# How long the suite waits, in seconds, where the defaults are too short for the subject."
    yield "limits: {}"
    for name, value in Deadlines().as_dict().items():
        yield f"#  {name}: {value:g}"
