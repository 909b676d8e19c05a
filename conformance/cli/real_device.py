"""A real device on the command line: where it comes to, what hooks there are for it, and what they leave out."""

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rich.text import Text

from conformance.bench.connection_sheet import public_name
from conformance.bench.device_world import Endpoint
from conformance.bench.hooks.abilities import BUILT_IN
from conformance.bench.hooks.loading import load_hooks, readiness
from conformance.bench.hooks.model import Hook
from conformance.bench.hooks.person import whoever_is_there
from conformance.bench.ics import Ics
from conformance.bench.scenarios import FEATURE_TAG, HOOK_TAG, Scenario, Selection, scenarios
from conformance.catalogue import load
from conformance.cli.addresses import Wanted, check_free
from conformance.cli.console import stderr, stdout
from conformance.cli.problems import Misuse

NAMED = 4
"""How many scenarios are named of those that one missing hook blocks."""


def listening_at(listen: str, public: str | None) -> Endpoint:
    """Read `HOST:PORT`, with the name that devices know the host by. Raises Misuse: it cannot be listened at."""
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise Misuse("usage", f"--listen: expected HOST:PORT, found {listen!r}", "such as 0.0.0.0:8443")
    host = host.strip("[]")
    # here rather than in each of its scenarios
    check_free([Wanted("--listen", "--listen", host, int(port))])
    return Endpoint(host, int(port), public or public_name(host))


def hooks_of(ics: Ics, file: Path | None) -> Mapping[str, Hook]:
    """Give the hooks of the statement and of a file; those of the file count. Raises UsageError."""
    # functions are looked for where the user works, too, as by `python -m`
    if "" not in sys.path:
        sys.path.insert(0, "")
    return {**ics.hooks, **(load_hooks(file) if file else {})}


def blocked_by_hooks(ics: Ics, hooks: Iterable[str], selection: Selection) -> Mapping[str, list[Scenario]]:
    """Give the scenarios that could run but for a hook, by the hooks that they lack."""
    there, claims = BUILT_IN | set(hooks), set(ics.claims(load(ics.revision)))
    found: dict[str, list[Scenario]] = defaultdict(list)
    for scenario in scenarios(ics.role, ics.revision):
        missing = [name for name in scenario.tagged(HOOK_TAG) if name not in there]
        if missing and selection.takes(scenario) and claims.issuperset(scenario.tagged(FEATURE_TAG)):
            found[", ".join(missing)].append(scenario)
    return found


def foretell(ics: Ics, hooks: Mapping[str, Hook], selection: Selection) -> None:
    """Say, before anything runs, what the hooks that are missing leave out."""
    blocked = blocked_by_hooks(ics, hooks, selection)
    if not blocked:
        return
    console = stderr()
    total = sum(map(len, blocked.values()))
    console.print(Text(f"{total} scenarios will be blocked, since hooks are missing (`list hooks` shows how):"))
    for name, lacking in sorted(blocked.items(), key=lambda item: -len(item[1])):
        console.print(Text.assemble((f"  {name}", "yellow"), f": {len(lacking)} scenarios"))
        for line in _names(lacking):
            console.print(Text(f"    {line}"), soft_wrap=True)


def _names(blocked: list[Scenario]) -> Iterator[str]:
    names = list(dict.fromkeys(scenario.name for scenario in blocked))
    yield from names[:NAMED]
    if len(names) > NAMED:
        yield f"... and {len(names) - NAMED} more"


def check_hooks(ics: Ics, hooks: Mapping[str, Hook], selection: Selection) -> int:
    """Examine every hook without calling any; gives the exit code: 2 when one could not be called."""
    console, broken = stdout(), False
    for item in readiness(hooks, whoever_is_there()):
        broken = broken or bool(item.problem)
        mark, style = ("no", "bold red") if item.problem else ("ok", "green")
        words = Text.assemble((f"{mark:<4}", style), f"{item.name:<15}{item.kind:<9}", item.problem or item.what)
        console.print(words, soft_wrap=True)
    if not hooks:
        console.print("no hooks are declared: neither in the statement nor with --hooks")
    console.print("ok  network        built in")
    foretell(ics, hooks, selection)
    return 2 if broken else 0
