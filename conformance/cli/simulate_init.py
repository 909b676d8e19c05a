"""`simulate init` and `simulate schema`: a description to start from, and what one may hold."""

# ruff: noqa: PLC0415 - what is heavy is imported when the verb runs, so that --help stays fast

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

File = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write here instead of to stdout.")]


def register(app: typer.Typer) -> None:
    """Add both verbs."""
    app.command("init", short_help="Write a commented description of a fleet.")(init)
    app.command("schema", short_help="Write the JSON Schema of descriptions.")(schema)


def init(*, out: File = None) -> None:
    """Write a commented description of a fleet, to edit and to simulate."""
    from importlib.resources import files

    _write((files("simulator.fleet") / "fleet.yaml").read_text(), out)


def schema(*, out: File = None) -> None:
    """Write the JSON Schema of fleet descriptions, for editors."""
    import json

    from simulator.fleet.description import Fleet

    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Fleet.model_json_schema()}
    _write(json.dumps(document, indent=2) + "\n", out)


def _write(text: str, out: Path | None) -> None:
    from conformance.cli.console import plain

    if out is None:
        plain(text.rstrip("\n"))
    else:
        out.write_text(text)
        plain(str(out))
