"""What a run needs of this machine."""

import platform
import socket
import ssl
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from conformance.bench.scenarios import scenarios
from conformance.cli.checking import check_folder
from conformance.cli.problems import Misuse
from conformance.cli.roles import ROLES

LIBRARIES = ("aiohttp", "cryptography", "httpx", "pydantic", "pytest", "pytest-bdd", "sqlalchemy", "rich", "typer")
OPTIONAL = ("uvloop",)
PORTS = (8443, 8081)
LOOPBACK = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One thing that was looked at: whether it is as it should be, what was found, and what to do when it is not."""

    what: str
    good: bool
    found: str
    hint: str | None = None


def environment(out: Path, *, ports: bool = True) -> Iterator[Diagnosis]:
    """Look at everything on this machine that a run depends on; `ports`: also at those that `serve wfm` takes."""
    yield Diagnosis("python", sys.version_info >= (3, 11), platform.python_version(), "install Python 3.11 or newer")
    yield Diagnosis("suite", True, version("margo-conformance"))
    yield _libraries()
    yield Diagnosis("openssl", ssl.HAS_TLSv1_3, ssl.OPENSSL_VERSION, "a build with TLS 1.3 is needed (ID-31)")
    counts = {role: len(scenarios(role)) for role in ROLES}
    found = ", ".join(f"{count} for the {role}" for role, count in counts.items())
    yield Diagnosis("scenarios", all(counts.values()), found, "install the suite again: feature files are missing")
    for port in PORTS if ports else ():
        yield _port(port)
    yield _folder(out)


def _libraries() -> Diagnosis:
    missing: list[str] = []
    found: list[str] = []
    for name in (*LIBRARIES, *OPTIONAL):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} -")
            missing += [name] if name not in OPTIONAL else []
    return Diagnosis("libraries", not missing, ", ".join(found), "install the suite again with its dependencies")


def _port(port: int) -> Diagnosis:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            hint = "stop what listens there, or choose another port with --port or --northbound-port"
            return Diagnosis("port", False, f"{LOOPBACK}:{port}: {error.strerror}", hint)
    return Diagnosis("port", True, f"{LOOPBACK}:{port} is free")


def _folder(out: Path) -> Diagnosis:
    try:
        check_folder("--out", out)
    except Misuse as misuse:
        return Diagnosis("folder", False, misuse.problem.cause, misuse.problem.hint)
    return Diagnosis("folder", True, f"{out} can be written")
