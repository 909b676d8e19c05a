import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.cli import listing, main
from tests.cli.commands import assert_refused, call, run_process

VERBS = (
    ("demo",),
    ("run", "device"),
    ("run", "wfm"),
    ("serve", "wfm"),
    ("serve", "device"),
    ("list",),
    ("explain",),
    ("coverage",),
    ("report", "render"),
    ("report", "verify"),
    ("init", "device"),
    ("init", "wfm"),
    ("doctor",),
)


def test_version_is_that_of_the_distribution() -> None:
    ended = run_process("--version")
    assert ended.code == 0
    assert re.fullmatch(r"margo-conformance \d+\.\d+\.\d+\S*\n", ended.out)


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_help_of_each_verb_teaches(verb: tuple[str, ...]) -> None:
    ended = call(*verb, "--help")
    assert ended.code == 0
    assert f"margo-conformance {' '.join(verb)}" in ended.out
    assert "Examples:" in ended.out
    assert "Exit codes: 0" in ended.out
    examples = ended.out.partition("Examples:")[2].partition("╭")[0].strip().splitlines()
    assert all(line.split()[0] == "margo-conformance" for line in examples), "an example stays on its line"


def test_runs_document_every_exit_code() -> None:
    told = " ".join(call("run", "device", "--help").out.split())
    for text in ("0 conformant", "1 not conformant", "2 usage", "3 error of the suite", "4 incomplete", "130"):
        assert text in told


def test_version_and_help_load_none_of_the_heavy_modules() -> None:
    # measured by what is imported, since time depends on the machine
    code = "import sys, conformance.cli.main; print([m for m in sys.modules if m.split('.')[0] in {heavy}])"
    heavy = {"pydantic", "aiohttp", "pytest", "sqlalchemy", "cryptography", "simulator", "yaml"}
    done = subprocess.run(  # noqa: S603 - our own code
        [sys.executable, "-c", code.format(heavy=heavy)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "nearest"),
    [(("demp",), "demo"), (("run", "devic"), "device"), (("coverag",), "coverage"), (("report", "verfy"), "verify")],
)
def test_an_unknown_command_gets_the_nearest(arguments: tuple[str, ...], nearest: str) -> None:
    assert_refused(call(*arguments), "usage", f"'{nearest}'")


def test_an_unknown_option_is_named_with_where_to_look() -> None:
    assert_refused(call("run", "device", "--nope"), "usage", "--nope", "margo-conformance run device --help")


def test_a_missing_argument_is_named() -> None:
    assert_refused(call("explain"), "usage", "ID")


def test_no_command_at_all_shows_the_help_and_is_a_usage_error() -> None:
    ended = call()
    assert ended.code == 2
    assert "Commands" in ended.out


def test_an_unexpected_error_is_short_and_says_how_to_report(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of the suite")

    monkeypatch.setitem(listing._KINDS, "scenarios", broken)
    ended = call("list")
    assert ended.code == 3
    assert ended.err.startswith("error[suite]: unexpected ZeroDivisionError: of the suite")
    assert "--debug" in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("arguments", [("--debug", "list"), ("list", "--debug")])
def test_debug_shows_the_traceback_wherever_it_stands(
    arguments: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("of the suite")

    monkeypatch.setitem(listing._KINDS, "scenarios", broken)
    ended = call(*arguments)
    assert ended.code == 3
    assert "Traceback" in ended.err


def test_ctrl_c_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(listing._KINDS, "scenarios", interrupted)
    assert call("list").code == 130


def test_each_verb_has_a_file_of_its_own() -> None:
    files = {path.stem for path in Path(main.__file__).parent.glob("*.py")}
    assert {"demo", "run_device", "run_wfm", "serve_wfm", "serve_device", "listing", "explain", "coverage"} <= files
