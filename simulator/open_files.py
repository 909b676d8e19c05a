"""How many files (and so connections) a process may have open. Where the system has no such bound, nothing is done."""

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

RESERVE = 128
"""For what is open beside the connections: libraries, pipes, the event loop, logs."""


class TooFewFiles(OSError):
    """The bound cannot be raised far enough: says what is needed, what there is and what to do."""

    def __init__(self, needed: int, found: int) -> None:
        super().__init__(
            f"open files: expected a limit of at least {needed}, found {found}; raise the hard limit "
            "(`ulimit -Hn`, LimitNOFILE= of systemd, limits.conf)"
        )


def allow_open_files(connections: int) -> None:
    """Raise the soft limit so that this many connections can be open. Raises TooFewFiles, with nothing changed."""
    if resource is None:
        return
    needed = connections + RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise TooFewFiles(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (OSError, ValueError):  # macOS has a bound of the kernel below an unlimited hard limit
        raise TooFewFiles(needed, soft) from None


def allow_all_open_files() -> None:
    """Raise the soft limit as far as the hard limit allows: for servers that do not know how many will come."""
    if resource is None:
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = hard if hard != resource.RLIM_INFINITY else 65_536
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (OSError, ValueError):
        return  # the soft limit stays as it is; whoever needs more is told when it is reached
