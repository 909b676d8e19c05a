"""Addresses that are about to be listened at, examined before anything is started or written."""

import errno
import socket
from collections.abc import Container, Iterable
from contextlib import ExitStack
from dataclasses import dataclass

from conformance.cli.problems import Misuse

FAR = 100
"""How far from the port that was asked for the next free one may be."""
_NOT_OURS = "give an address of this machine, such as 127.0.0.1, or 0.0.0.0 for all of them"


@dataclass(frozen=True, slots=True)
class Wanted:
    """An address and port, and the options that named them; port 0 is any free one."""

    host_option: str
    port_option: str
    host: str
    port: int


def check_free(wanted: Iterable[Wanted]) -> None:
    """Refuse what cannot be listened at, or not all at once. Raises Misuse."""
    with ExitStack() as held:
        for one in wanted:
            _hold(one, held)


def next_free(host: str, port: int, taken: Container[int]) -> int:
    """Give the next free port of a host after another one; 0, for any, where that one is any or none is found."""
    candidates = range(port + 1, min(port + 1 + FAR, 65536)) if port else ()
    for number in candidates:
        if number not in taken:
            try:
                check_free([Wanted("", "", host, number)])
            except Misuse as problem:
                if problem.problem.code == "address":  # no other port helps, and asking for a name may take seconds
                    return 0
            else:
                return number
    return 0


def _hold(wanted: Wanted, held: ExitStack) -> None:
    where = f"{wanted.host} port {wanted.port}"
    try:
        family, kind, _, _, address = socket.getaddrinfo(wanted.host, wanted.port, type=socket.SOCK_STREAM)[0]
        trial = held.enter_context(socket.socket(family, kind))
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        trial.bind(address)
        trial.listen()
    except (socket.gaierror, UnicodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "not a host name"
        raise Misuse("address", f"{wanted.host_option}: cannot listen on {where}: {said}", _NOT_OURS) from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            hint = "stop what listens there, or choose another port; 0 takes a free one"
            raise Misuse("port-in-use", f"{wanted.port_option}: {where} is in use already", hint) from None
        if error.errno in (errno.EACCES, errno.EPERM):
            cause = f"{wanted.port_option}: {where} may not be used: {error.strerror}"
            raise Misuse("permission", cause, "choose a port from 1024 on") from None
        cause = f"{wanted.host_option}: {wanted.host} is not an address of this machine ({error.strerror})"
        raise Misuse("address", cause, _NOT_OURS) from None
