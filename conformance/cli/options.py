"""Options that several verbs share, each with its help in one place."""

from pathlib import Path
from typing import Annotated

import typer

Apps = Annotated[
    list[Path] | None,
    typer.Option("--app", metavar="DIR", help="Application package to deploy; may be repeated. Default: the samples."),
]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the record and the reports.")]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object for a program on stdout; all else goes to stderr.")
]
Revision = Annotated[
    str | None, typer.Option("--revision", metavar="R", help="Revision of the specification; `list revisions`.")
]
Ics = Annotated[
    Path | None,
    typer.Option("--ics", metavar="FILE", help="The supplier's statement about the subject; `init` drafts one."),
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="TARGET", help="`simulated`, or `simulated:MUTANT` for a broken variant; `list mutants`."
    ),
]
Requirements = Annotated[
    list[str] | None, typer.Option("--req", metavar="ID", help="Only scenarios of this requirement; may be repeated.")
]
Tags = Annotated[
    list[str] | None, typer.Option("--tag", metavar="TAG", help="Only scenarios with this tag; may be repeated.")
]
Text = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="TEXT", help="Only scenarios with this text in feature or name; may be repeated."),
]
Failed = Annotated[
    bool, typer.Option("--failed", help="Only what did not pass in the last run found in the --out folder.")
]
FailedOf = Annotated[
    Path | None,
    typer.Option("--failed-of", metavar="RECORD", help="As --failed, of this record or the one in this folder."),
]
Accommodate = Annotated[
    list[str] | None,
    typer.Option(
        "--accommodate",
        metavar="NAME|FILE",
        help="Go on past a known departure, which stays a failure; may be repeated. `list accommodations`.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", metavar="N", min=1, help="Processes to spread a subject's scenarios over."),
]
PartOption = Annotated[str | None, typer.Option("--part", hidden=True, help="For workers: which part to carry out.")]
Clock = Annotated[
    str | None,
    typer.Option(
        "--clock",
        metavar="CLOCK",
        help="`simulated` (the default for the simulated device: hours pass in milliseconds) or `wall`.",
    ),
]
CertificateEncoding = Annotated[
    str | None,
    typer.Option(
        "--certificate-encoding",
        metavar="FORM",
        help="What the Base64 of its certificate carries: `der` (usual for a device) or `pem` (for a WFM).",
    ),
]
RoleOption = Annotated[str | None, typer.Option("--role", metavar="ROLE", help="`device` or `wfm`.")]

Replay = Annotated[
    Path | None,
    typer.Option("--replay", metavar="FILE", help="Only carry out a counterexample of `search`: does it happen again?"),
]

DEFAULT_OUT = Path("compliance-report")
DEFAULT_IDENTITY = Path("margo-identity")
"""Apart from the reports: these are handed around, keys are not."""
