"""From an exception to what a user is told: a code, the cause in one sentence, and a hint."""

import errno
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from conformance.bench.errors import OtherRevision, OtherRun, SubjectMissing, UsageError

USAGE = 2
SUITE_ERROR = 3
INTERRUPTED = 130


@dataclass(frozen=True, slots=True)
class Problem:
    """What went wrong in the user's terms. `code` is stable, for scripts; the exit code is that of the process."""

    code: str
    cause: str
    hint: str
    exit_code: int = USAGE


class Misuse(UsageError):
    """A problem that a verb found itself, with its code and hint."""

    def __init__(self, code: str, cause: str, hint: str, exit_code: int = USAGE) -> None:
        super().__init__(cause)
        self.problem = Problem(code, cause, hint, exit_code)


def explain(error: BaseException) -> Problem | None:
    """Give the problem behind an exception; None when it is no fault of the user's but a defect of the suite."""
    return next((problem for reading in _READINGS for problem in reading(error)), None)


def _of_the_bench(error: BaseException) -> Iterator[Problem]:
    if isinstance(error, Misuse):
        yield error.problem
    elif isinstance(error, OtherRevision):
        yield Problem("revision", _sentence(error), f"try --revision {error.revision}; `list revisions` shows all")
    elif isinstance(error, SubjectMissing):
        hint = "the connection sheet tells what the device needs; --wait gives it more time"
        yield Problem("no-device", _sentence(error), hint)
    elif isinstance(error, OtherRun):
        hint = "go on with the statement, the filters and the suite of that run, or begin anew without --resume"
        yield Problem("other-run", _sentence(error), hint)
    elif isinstance(error, UsageError):
        yield Problem("usage", _sentence(error), "`--help` after the command shows what it takes")


def _of_the_catalogue(error: BaseException) -> Iterator[Problem]:
    from conformance.catalogue import UnknownName  # noqa: PLC0415 - only needed once something went wrong

    if isinstance(error, UnknownName):
        cause, _, known = _sentence(error).partition("; ")
        yield Problem(f"unknown-{error.kind}", cause, f"did you mean {error.nearest[0]}?" if error.nearest else known)


def _of_the_record(error: BaseException) -> Iterator[Problem]:
    from conformance.record.file import BrokenRecord  # noqa: PLC0415

    if isinstance(error, BrokenRecord):
        hint = "a record counts only whole and unedited: run again, or take the file from where it was made"
        yield Problem("broken-record", _sentence(error), hint)


def _of_credentials(error: BaseException) -> Iterator[Problem]:
    from simulator.identity.errors import CredentialError, IdentityError  # noqa: PLC0415

    if isinstance(error, CredentialError):
        yield Problem(
            "credential", _sentence(error), "`margo-conformance serve wfm` writes a set of credentials that fit"
        )
    elif isinstance(error, IdentityError):
        yield Problem("identity", _sentence(error), "`margo-conformance explain` tells what the clause says")


def _of_documents(error: BaseException) -> Iterator[Problem]:
    from simulator.protocol.documents import DocumentError  # noqa: PLC0415

    if isinstance(error, DocumentError):
        yield Problem("document", _sentence(error), "correct the document and try again")


def _of_the_simulator(error: BaseException) -> Iterator[Problem]:
    kind = type(error)
    # told by name, since importing the WFM and the device only to compare classes would take long
    code = _SIMULATOR_ERRORS.get(kind.__name__)
    if code is not None and kind.__module__.startswith("simulator."):
        cause = _sentence(error)
        missing = next((hint for words, hint in _MISSING_DRIVERS.items() if words in cause), None)
        yield Problem(code, cause, missing or _HINTS[code])


def _of_the_system(error: BaseException) -> Iterator[Problem]:
    if isinstance(error, ssl.SSLError):
        yield Problem("tls", f"TLS failed: {_sentence(error)}", "`margo-conformance doctor --url URL` looks closer")
    elif isinstance(error, OSError) and error.errno in _SYSTEM:
        code, hint = _SYSTEM[error.errno]
        where = f"{error.filename}: " if error.filename else ""
        yield Problem(code, f"{where}{(error.strerror or str(error)).lower()}", hint)


_READINGS: tuple[Callable[[BaseException], Iterator[Problem]], ...] = (
    _of_the_bench,
    _of_the_catalogue,
    _of_the_record,
    _of_credentials,
    _of_documents,
    _of_the_simulator,
    _of_the_system,
)
_SIMULATOR_ERRORS = {
    "PortInUse": "port-in-use",
    "ConfigError": "configuration",
    "PackageError": "package",
    "StoreFailed": "store",
    "StoreUnusable": "store",
    "DamagedState": "state",
    "StorageFailed": "state",
}
_HINTS = {
    "port-in-use": "choose another port, or 0 to have a free one chosen",
    "store": "check the address given with --store, such as sqlite:///wfm.db",
    "configuration": "`--help` after the command shows what it takes",
    "package": "correct the package and try again",
    "state": "check the folder given with --state",
}
_POSTGRES = "`pip install 'margo-conformance[postgres]'`"
_MISSING_DRIVERS = {
    "No module named 'psycopg'": f"the driver is in an extra: {_POSTGRES}",
    "no pq wrapper available": f"the driver lacks a part that is in an extra: {_POSTGRES}",
    "No module named 'psycopg2'": f"write postgresql+psycopg://, whose driver is in an extra: {_POSTGRES}",
}
"""Hints by what is said when the driver of a database cannot be loaded."""
_SYSTEM = {
    errno.EADDRINUSE: ("port-in-use", _HINTS["port-in-use"]),
    errno.EADDRNOTAVAIL: ("address", "the address has to belong to this machine"),
    errno.EACCES: ("permission", "choose a place that you may use, or a port from 1024 on"),
    errno.EPERM: ("permission", "choose a place that you may use, or a port from 1024 on"),
    errno.EROFS: ("permission", "choose a folder that can be written"),
    errno.ENOENT: ("missing-file", "check the path"),
    errno.ENOTDIR: ("missing-file", "a part of the path is a file"),
    errno.EISDIR: ("missing-file", "a file is expected, not a folder"),
    errno.EEXIST: ("file-exists", "choose another place"),
    errno.ENOSPC: ("disk-full", "make room, or choose another folder"),
    errno.ECONNREFUSED: ("unreachable", "nothing listens there: check address and port, and that the subject runs"),
    errno.EHOSTUNREACH: ("unreachable", "check the address and the network"),
    errno.ENETUNREACH: ("unreachable", "check the address and the network"),
}


def _sentence(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
