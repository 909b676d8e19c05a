"""What the documents tell people to type works: every command is carried out, or at least understood."""

import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = Path(sys.executable).with_name("margo-conformance")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
pytestmark = pytest.mark.long
NEEDS_ANOTHER_SIDE = (
    "--listen",
    "--url",
    "--live",
    "serve ",
    "--scheduler",
    "simulate fidelity",
    "simulate calibrate",
)
"""Commands that wait for something real, or for what a long run left; tests of their own cover them with all there."""


def commands() -> Iterator[str]:
    for document in DOCUMENTS:
        for block in re.findall(r"```console\n(.*?)```", document.read_text(), re.DOTALL):
            yield from (line.partition("  #")[0].strip() for line in block.splitlines() if line.strip())
        yield from re.findall(r"`(margo-conformance [^`]+)`", document.read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reader's folder."""
    return tmp_path_factory.mktemp("reader")


def typed(folder: Path, command: str) -> subprocess.CompletedProcess[str]:
    words = [str(PROGRAM), *shlex.split(command)[1:]]
    environment = {**os.environ, "COLUMNS": "120"}
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=900, check=False)  # noqa: S603


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_a_command_of_the_documents_is_understood(folder: Path, command: str) -> None:
    words = shlex.split(command)
    if words[0] == "make":
        assert re.search(rf"^{words[1]}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
        return
    assert words[0] == "margo-conformance"
    if "demo" in words or "verify" in words:
        return  # carried out where the demo is looked at
    if any(part in command for part in NEEDS_ANOTHER_SIDE):
        verb = list(itertools.takewhile(lambda word: not word.startswith("--"), words))
        if "--live" in words:
            verb = [*words[:2], "live"]
        help_text = typed(folder, " ".join([*verb, "--help"])).stdout
        assert all(word in help_text for word in words if word.startswith("--")), command
        return
    done = typed(folder, command)
    assert done.returncode == 0, done.stderr
