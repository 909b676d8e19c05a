"""Broken devices whose defect lies in what they send: documents, addresses and headers of the management interface."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from simulator.device.agent import Agent
from simulator.device.core import Continuation, Talk
from simulator.device.mutant import Change, Mutant, with_agent
from simulator.protocol.operations import recognise

Document = dict[str, Any]
Spoil = Callable[[Document], object]
Headers = Callable[[dict[str, str]], dict[str, str]]


def _sends(operation: str, spoil: Spoil) -> Change:
    """A device that spoils the documents of one operation."""

    class Spoils(Agent):
        """Spoils what it sends."""

        def send(
            self,
            talk: Talk,
            method: str,
            target: str,
            then: Continuation,
            headers: Mapping[str, str] | None = None,
            body: bytes = b"",
        ) -> None:
            """Send another document."""
            if body and recognise(method, target).operation == operation:
                document = json.loads(body)
                spoil(document)
                body = json.dumps(document).encode()
            super().send(talk, method, target, then, headers, body)

    return with_agent(Spoils)


def _polls(change: Headers) -> Change:
    """A device that polls with other headers."""

    class Polls(Agent):
        """Asks in another way."""

        def poll_headers(self) -> dict[str, str]:
            """Other headers."""
            return change(super().poll_headers())

    return with_agent(Polls)


class AddsToAddresses(Agent):
    """Does not take addresses as they are."""

    def send(
        self,
        talk: Talk,
        method: str,
        target: str,
        then: Continuation,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> None:
        """Add a query to what is fetched."""
        fetched = method == "GET" and "/sha256:" in target
        super().send(talk, method, f"{target}?fresh=1" if fetched else target, then, headers, body)


def _of_status(spoil: Spoil) -> Change:
    return _sends("report-status", spoil)


def _of_device(spoil: Spoil) -> Change:
    return _sends("report-capabilities", spoil)


def _properties(**members: Any) -> Change:
    return _of_device(lambda document: document["properties"].update(members))


def _without(*names: str) -> Change:
    def spoil(document: Document) -> None:
        for name in names:
            document["properties"].pop(name, None)

    return _of_device(spoil)


def _each_component(spoil: Spoil) -> Change:
    return _of_status(lambda document: [spoil(entry) for entry in document["components"]])


def _each_error(spoil: Spoil) -> Change:
    return _of_status(
        lambda document: [
            spoil(entry["error"]) for entry in (document["status"], *document["components"]) if "error" in entry
        ]
    )


def _own_words(entry: Document) -> None:
    if entry["state"] == "installed":
        entry["state"] = "running"


def _custom(document: Document) -> None:
    document["properties"]["supportedRuntimes"] = [*document["properties"].get("supportedRuntimes", ()), "custom"]
    document.pop("labels", None)


def _blames_device(document: Document) -> None:
    for entry in document["components"]:
        if "error" in entry:
            entry["error"]["source"] = "device-agent"


DOCUMENT_MUTANTS = (
    Mutant(
        "leaves-components-out", "ST-003", "sends no list of components", _of_status(lambda it: it.pop("components"))
    ),
    Mutant(
        "reports-version-zero",
        "ST-024",
        "reports version 0 as adopted",
        _of_status(lambda it: it.update(adoptedManifestVersion=0)),
    ),
    Mutant(
        "own-word-for-installed",
        "ST-007",
        "says running where it means installed",
        _of_status(lambda it: _own_words(it["status"])),
    ),
    Mutant(
        "own-word-for-component",
        "ST-009",
        "says that components are running, not installed",
        _each_component(_own_words),
    ),
    Mutant(
        "nameless-components", "ST-010", "does not name components", _each_component(lambda entry: entry.pop("name"))
    ),
    Mutant(
        "wordless-errors", "ST-012", "sends errors without a message", _each_error(lambda it: it.update(message=""))
    ),
    Mutant("blames-its-agent", "ST-015", "names itself as the source of component errors", _of_status(_blames_device)),
    Mutant(
        "version-ahead",
        "ST-020",
        "reports the version that is to come as adopted",
        _of_status(lambda it: it.update(adoptedManifestVersion=it["adoptedManifestVersion"] + 1)),
    ),
    Mutant(
        "chatty-capabilities", "DC-009", "adds a member of its own", _of_device(lambda it: it.update(notes="hello"))
    ),
    Mutant("no-serial-number", "DC-011", "leaves its serial number out", _without("serialNumber")),
    Mutant(
        "another-id-in-the-body", "DC-012", "reports for an id that is not its own", _properties(id="somebody-else")
    ),
    Mutant("decimal-memory", "DC-014", "reports its memory in decimal units", _properties(memory="64 GB")),
    Mutant(
        "coreless-cpus", "DC-020", "does not say how many cores it has", _properties(cpus=[{"architecture": "amd64"}])
    ),
    Mutant(
        "unknown-peripheral", "DC-023", "makes up a type of peripheral", _properties(peripherals=[{"type": "toaster"}])
    ),
    Mutant("unknown-interface", "DC-024", "makes up a type of interface", _properties(interfaces=[{"type": "pigeon"}])),
    Mutant("unknown-runtime", "DC-025", "makes up a runtime", _properties(supportedRuntimes=["containers"])),
    Mutant("nested-labels", "DC-028", "nests its labels", _of_device(lambda it: it.update(labels={"a.b/c": {"d": 1}}))),
    Mutant("custom-without-labels", "DC-042", "offers a custom runtime that no label describes", _of_device(_custom)),
    Mutant("no-collector", "DC-015", "hosts workloads and names no collector", _without("otelCollector")),
    Mutant("no-interfaces", "DC-013", "hosts workloads and does not name its interfaces", _without("interfaces")),
    Mutant("no-runtime", "DC-016", "hosts workloads and names no runtime", _without("supportedRuntimes")),
    Mutant("no-deployment-type", "DC-017", "names no deployment type", _without("supportedDeploymentTypes")),
    Mutant(
        "shapeless-extension",
        "EXT-003",
        "names an extension as it likes",
        _of_device(lambda it: it.update({"x-Acme": 1})),
    ),
    Mutant(
        "hides-its-extension",
        "DC-037",
        "puts the extension of the WFM's supplier below its properties",
        _properties(**{"x-wfm-extensions": {"site": "north"}}),
        needs="wfm-extensions",
    ),
    Mutant(
        "accepts-any-json",
        "DS-003",
        "polls for JSON of any kind",
        _polls(lambda it: {**it, "Accept": "application/json"}),
    ),
    Mutant(
        "rewrites-its-tag",
        "DS-068",
        "sends back another entity tag than it was given",
        _polls(lambda it: {**it, "If-None-Match": 'W/"other"'} if "If-None-Match" in it else it),
    ),
    Mutant("adds-to-addresses", "DS-048", "fetches at addresses that it changed", with_agent(AddsToAddresses)),
)
"""What they are named for is what a reader of their requests would see first."""
