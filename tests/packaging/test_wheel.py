"""The wheel is whole: installed elsewhere, the command finds scenarios, catalogue and samples, and runs."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def call(*command: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run a command away from the checkout; its output on failure."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "VIRTUAL_ENV")}
    return subprocess.run(  # noqa: S603 - our own commands
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    built = call(sys.executable, "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT, cwd=folder)
    assert built.returncode == 0, built.stderr + built.stdout
    return next(folder.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with the wheel; the libraries it needs are those of this environment."""
    home = tmp_path_factory.mktemp("elsewhere")
    venv.create(home / "env", with_pip=False)
    python = home / "env" / "bin" / "python"
    purelib = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).stdout.strip()
    # a path file adds the folder of libraries, but not the editable install that a path file in that folder makes
    (Path(purelib) / "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    done = call(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "-q",
        "--no-deps",
        "--no-index",
        "--force-reinstall",
        "--ignore-installed",
        wheel,
        cwd=home,
    )
    assert done.returncode == 0, done.stderr
    return home


def test_the_wheel_ships_all_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = {
        path.relative_to(ROOT).as_posix()
        for folder in ("conformance", "simulator", "features", "reports")
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped <= names, shipped - names
    assert any(name.endswith(".feature") for name in names)
    assert any(name.endswith("margo.yaml") for name in names)
    assert not any(name.startswith("tests/") for name in names)


def test_the_command_works_outside_the_checkout(installed: Path) -> None:
    command = installed / "env" / "bin" / "margo-conformance"
    where = call(
        installed / "env" / "bin" / "python", "-c", "import conformance; print(conformance.__file__)", cwd=installed
    )
    assert str(installed) in where.stdout
    assert "1.0.0rc3" in call(command, "--version", cwd=installed).stdout
    listed = call(command, "list", "scenarios", "--json", cwd=installed)
    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout)


def test_a_run_from_the_wheel_writes_its_report_where_it_is_called(installed: Path) -> None:
    command = installed / "env" / "bin" / "margo-conformance"
    done = call(command, "run", "device", "--req", "DS-069", "--out", "here", cwd=installed)
    assert (installed / "here" / "events.ndjson").is_file(), done.stderr
    assert (installed / "here" / "report.html").is_file(), done.stderr
    assert done.returncode == 4, "a filtered run that failed nothing is incomplete"
