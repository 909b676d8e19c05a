"""The two ways out: results on stdout, everything else on stderr."""

import os
import sys

from rich.console import Console
from rich.text import Text

from conformance.cli.problems import Problem

PLAIN_WIDTH = 120


def stdout() -> Console:
    """Give the console for results. In a file or a pipe it neither colours nor breaks lines at 80 columns."""
    return _console(stderr=False)


def stderr() -> Console:
    """Give the console for progress, notes and errors."""
    return _console(stderr=True)


def is_live(console: Console) -> bool:
    """Whether a bar that redraws itself makes sense: on a terminal, and not in a CI job's log."""
    return console.is_terminal and not console.is_dumb_terminal and not os.environ.get("CI")


def show_problem(problem: Problem) -> None:
    """Tell the user what went wrong: code, cause, hint."""
    console = stderr()
    text = Text.assemble((f"error[{problem.code}]", "bold red"), f": {problem.cause}")
    console.print(text, soft_wrap=True)
    console.print(Text.assemble(("  hint", "bold"), f": {problem.hint}"), soft_wrap=True)


def plain(text: str) -> None:
    """Write a line of a result as it is: no markup, no wrapping."""
    sys.stdout.write(text + "\n")


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PLAIN_WIDTH
    return Console(stderr=stderr, highlight=False, width=width)
