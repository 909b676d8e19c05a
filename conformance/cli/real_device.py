"""A real device on the command line: where it comes to, what hooks there are for it, and what they leave out."""

import sys
from collections import defaultdict
from collections.abc import Container, Mapping
from pathlib import Path

from rich.text import Text

from conformance.bench.connection_sheet import public_name
from conformance.bench.device_external import kept_ports
from conformance.bench.device_world import Endpoint
from conformance.bench.hooks.abilities import SIMULATED_ONLY
from conformance.bench.hooks.loading import load_hooks, readiness
from conformance.bench.hooks.model import Hook
from conformance.bench.hooks.person import whoever_is_there
from conformance.bench.ics import Ics
from conformance.bench.scenarios import FEATURE_TAG, HOOK_TAG, Scenario, Selection, headings, scenarios
from conformance.catalogue import load
from conformance.cli.addresses import Wanted, check_free, next_free
from conformance.cli.console import stderr, stdout
from conformance.cli.problems import Misuse
from conformance.cli.run_device import NEXT, NONE

BESIDE = (("registry", "--registry-port"), ("identity", "--identity-port"))


def listening_at(
    listen: str, public: str | None, beside: tuple[str, str] = (NEXT, NEXT), kept: Path | None = None
) -> Endpoint:
    """Read `HOST:PORT`, with the name that devices know the host by, and the ports of what is served beside it.

    `beside` are those of component registry and identity service: a number, `none`, or words for the next that is free
    or that an earlier run has `kept` in its identity folder. Raises Misuse: it cannot be listened at.
    """
    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise Misuse("usage", f"--listen: expected HOST:PORT, found {listen!r}", "such as 0.0.0.0:8443")
    host = host.strip("[]")
    # here rather than in each of its scenarios
    wanted = [Wanted("--listen", "--listen", host, int(port))]
    known = kept_ports(kept) if kept else {}
    taken: list[int | None] = []
    for (name, option), text in zip(BESIDE, beside, strict=True):
        number = _port(option, text)
        if text not in (NONE, NEXT):
            wanted.append(Wanted(option, option, host, number or 0))
        elif number is not None:
            number = known.get(name) or next_free(host, int(port), [int(port), *filter(None, taken)])
        taken.append(number)
    check_free(wanted)
    return Endpoint(host, int(port), public or public_name(host), *taken)


def _port(option: str, text: str) -> int | None:
    if text == NONE:
        return None
    if text == NEXT:
        return 0
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise Misuse("usage", f"{option}: expected a port or `{NONE}`, found {text!r}", "such as 8444")
    return int(text)


def hooks_of(ics: Ics, file: Path | None) -> Mapping[str, Hook]:
    """Give the hooks of the statement and of a file; those of the file count. Raises UsageError."""
    # functions are looked for where the user works, too, as by `python -m`
    if "" not in sys.path:
        sys.path.insert(0, "")
    return {**ics.hooks, **(load_hooks(file) if file else {})}


def blocked_by_hooks(ics: Ics, there: Container[str], selection: Selection) -> Mapping[str, list[Scenario]]:
    """Give the scenarios that could run but for something that is not `there`, by what they lack."""
    found: dict[str, list[Scenario]] = defaultdict(list)
    for scenario in _applicable(ics, selection):
        missing = [name for name in scenario.tagged(HOOK_TAG) if name not in there]
        if missing and not SIMULATED_ONLY.keys() & missing:
            found[", ".join(missing)].append(scenario)
    return found


def unproven_restarts(ics: Ics, there: Container[str], selection: Selection) -> list[Scenario]:
    """Give the scenarios that restart the device where nothing tells whether it did."""
    if "uptime" in there:
        return []
    needing = [item for item in _applicable(ics, selection) if "reboot" in item.tagged(HOOK_TAG)]
    return [item for item in needing if all(name in there for name in item.tagged(HOOK_TAG))]


def _applicable(ics: Ics, selection: Selection) -> list[Scenario]:
    claims = set(ics.claims(load(ics.revision)))
    found = [item for item in scenarios(ics.role, ics.revision) if selection.takes(item)]
    return [item for item in found if claims.issuperset(item.tagged(FEATURE_TAG))]


def foretell(ics: Ics, there: Container[str], selection: Selection) -> None:
    """Say, before anything runs, what is left out since hooks are missing or something is not offered."""
    blocked, console = blocked_by_hooks(ics, there, selection), stderr()
    if unproven := unproven_restarts(ics, there, selection):
        said = (
            "may stay inconclusive, since no hook `uptime` tells whether the device restarted (`list hooks` shows how):"
        )
        console.print(Text(f"{len(unproven)} scenarios {said} {'; '.join(headings(unproven))}"), soft_wrap=True)
    if not blocked:
        return
    total = sum(map(len, blocked.values()))
    console.print(Text(f"{total} scenarios will be blocked, since hooks are missing (`list hooks` shows how):"))
    for name, lacking in sorted(blocked.items(), key=lambda item: -len(item[1])):
        console.print(Text.assemble((f"  {name}", "yellow"), f": {len(lacking)} scenarios"))
        for line in headings(lacking):
            console.print(Text(f"    {line}"), soft_wrap=True)


def check_hooks(ics: Ics, hooks: Mapping[str, Hook], selection: Selection, built_in: frozenset[str]) -> int:
    """Examine every hook without calling any; gives the exit code: 2 when one could not be called.

    `built_in` is what the bench does by itself.
    """
    console, broken = stdout(), False
    for item in readiness(hooks, whoever_is_there()):
        broken = broken or bool(item.problem)
        mark, style = ("no", "bold red") if item.problem else ("ok", "green")
        words = Text.assemble((f"{mark:<4}", style), f"{item.name:<15}{item.kind:<9}", item.problem or item.what)
        console.print(words, soft_wrap=True)
    if not hooks:
        console.print("no hooks are declared: neither in the statement nor with --hooks")
    for name in sorted(built_in):
        console.print(f"ok  {name:<15}built in")
    foretell(ics, built_in | set(hooks), selection)
    return 2 if broken else 0
