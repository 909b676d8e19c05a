"""The operator's side of a WFM, which Margo does not standardise: what the bench asks of it, through any adapter.

An adapter (`conformance.bench.adapters`) carries one operation at a time to the WFM and gives its result as plain data;
what operations there are, what they are given and what they give stands in `OPERATIONS`. This module knows the meaning:
it checks the results, remembers what every deployment is to be, and tells a listener of every call.
"""

import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from conformance.bench.errors import Blocked

SHOWN = 200
"""So many characters of a strange answer are shown in a message."""


class NorthboundError(Exception):
    """The operator's side did not do what it was asked; the message says what was asked and what came back.

    `seen` is what can be told of the attempt, without secrets, for the record.
    """

    def __init__(self, message: str, seen: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.seen = dict(seen or {})


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the contract. `takes` and `gives` name the members of its arguments and of its result.

    `hook` is the ability that scenarios ask for with `@needs:…`; an operation without one is not asked for by tag.
    """

    name: str
    purpose: str
    takes: tuple[str, ...] = ()
    gives: tuple[str, ...] = ()
    required: bool = False
    hook: str | None = None


OPERATIONS: Mapping[str, Operation] = {
    item.name: item
    for item in (
        Operation(
            "upload",
            "bring in an application package, a tar.gz with margo.yaml at its root",
            ("archive", "application", "version"),
            required=True,
        ),
        Operation(
            "deploy",
            "deploy a release of an application to a device of a client",
            ("client", "device", "application", "version", "parameters"),
            ("deployment", "handle"),
            required=True,
        ),
        Operation(
            "update",
            "give a deployment another release or other values; the *_change are null for what stays",
            (
                *("deployment", "handle", "client", "device", "application", "version", "parameters"),
                *("version_change", "parameters_change"),
            ),
        ),
        Operation(
            "withdraw",
            "take a deployment back",
            ("deployment", "handle", "client", "device", "application", "version", "parameters"),
            required=True,
        ),
        Operation(
            "place",
            "deploy a release to those of a client's devices that meet its demands; gives what came where",
            ("client", "devices", "application", "version", "parameters"),
            ("deployment", "device"),
            hook="placement",
        ),
        Operation("devices", "list the devices of a client as the operator sees them", ("client",), ("devices",)),
        Operation("retire", "end the relationship with a client", ("client",), hook="retire"),
        Operation("register", "make a client known that the WFM has nothing of, before its first request", ("client",)),
        Operation("forget", "clean up: remove a client and all that is kept of it", ("client",)),
        Operation("remove_package", "clean up: remove an application package", ("application", "version")),
        Operation("restart", "restart the WFM; return once it serves again", hook="restart"),
        Operation(
            "limit_load",
            "refuse requests: kind is `everything at once` (503) or `one client too often` (429)",
            ("kind", "retry_after"),
            hook="load-limit",
        ),
        Operation("lift_load", "serve as usual again"),
        Operation("compress", "compress content for those who accept it, or not", ("on",), hook="compression"),
        Operation(
            "next_version",
            "give the next manifest of a client this version",
            ("client", "version"),
            hook="version",
        ),
        Operation(
            "follow",
            "take the trust bundle from this identity service only, authenticated by these anchors (PEM)",
            ("discovery_url", "anchors"),
            hook="identity-service",
        ),
        Operation("unfollow", "go back to the trust bundle of before"),
    )
}
REQUIRED = tuple(item.name for item in OPERATIONS.values() if item.required)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an operation gave: its result as plain data, and what can be told of the call, without secrets."""

    result: Any = None
    seen: Mapping[str, Any] = field(default_factory=dict)


class Adapter(Protocol):
    """One way to an operator's side. `kind` names it, `where` is the address, program or file it goes to."""

    kind: str
    where: str
    operations: frozenset[str]

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Reply:
        """Carry out one operation of `operations`. Raises NorthboundError, Blocked."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


@dataclass(frozen=True, slots=True)
class DeviceAtWfm:
    """A device as the WFM shows it to its operator."""

    client: str
    device_id: str
    capabilities: Mapping[str, Any]
    runtimes: tuple[str, ...] = ()
    deployment_types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """A deployment as it was asked for last. `handle` is its id at the operator's API, where that differs."""

    deployment: str
    handle: str
    client: str
    device: str
    application: str
    version: str
    parameters: Mapping[str, Any]

    def arguments(self) -> dict[str, Any]:
        """Give it as arguments of an operation."""
        return {
            "deployment": self.deployment,
            "handle": self.handle,
            "client": self.client,
            "device": self.device,
            "application": self.application,
            "version": self.version,
            "parameters": dict(self.parameters),
        }


Heard = Callable[[Mapping[str, Any]], object]


class Northbound:
    """The operator's side of one WFM. Clients are named by `wfm-client-id`.

    Every method raises NorthboundError when the WFM does not do it, Blocked when the adapter has no such operation.
    """

    def __init__(self, adapter: Adapter, refresh_s: float = 5.0) -> None:
        # `refresh_s`: how often the WFM asks an identity service, in seconds
        self.adapter = adapter
        self.refresh_s = refresh_s
        self.standing: dict[str, Standing] = {}
        """The deployments that were made and not taken back, by id."""
        self._uploaded: dict[tuple[str, str], str] = {}
        self._hear: Heard = lambda _: None

    def listen(self, hear: Heard) -> None:
        """Have someone told of every call from now on."""
        self._hear = hear

    def can(self, operation: str) -> bool:
        """Whether the adapter has an operation."""
        return operation in self.adapter.operations

    @property
    def hooks(self) -> frozenset[str]:
        """What scenarios may ask for by tag with this adapter."""
        hooks = {item.hook for item in OPERATIONS.values() if item.hook and self.can(item.name)}
        if all(map(self.can, REQUIRED)):
            hooks.add("northbound")
        return frozenset(hooks)

    def close(self) -> None:
        """Let go of what is held."""
        self.adapter.close()

    def upload(self, application: str, version: str, archive: bytes) -> None:
        """Bring in an application package; one that was brought in with the same bytes is not sent again."""
        digest = f"sha256:{hashlib.sha256(archive).hexdigest()}"
        if self._uploaded.get((application, version)) == digest:
            return
        self.do("upload", archive=archive, application=application, version=version)
        self._uploaded[application, version] = digest

    def devices(self, client: str) -> tuple[DeviceAtWfm, ...]:
        """List the devices of a client."""
        answer = self.do("devices", client=client)
        found = answer.get("devices") if isinstance(answer, Mapping) else answer
        if not isinstance(found, list):
            raise self._strange("devices", "a list of devices", answer)
        return tuple(self._device(client, item) for item in found)

    def deploy(self, client: str, device_id: str, application: str, version: str, parameters: Mapping[str, Any]) -> str:
        """Deploy a release of an application to a device; gives the deployment id as it stands in manifests."""
        wanted = {"client": client, "device": device_id, "application": application, "version": version}
        answer = self.do("deploy", **wanted, parameters=dict(parameters))
        made = answer.get("deployment") if isinstance(answer, Mapping) else None
        if not isinstance(made, str) or not made:
            raise self._strange("deploy", "the id of the deployment as `deployment`", answer)
        handle = str(answer.get("handle") or made)
        self.standing[made] = Standing(made, handle, client, device_id, application, version, dict(parameters))
        return made

    def place(self, client: str, devices: Sequence[str], application: str, version: str) -> dict[str, str]:
        """Have the WFM deploy a release to those of the devices that fit; gives the device of each deployment made."""
        wanted = {"client": client, "application": application, "version": version}
        answer = self.do("place", **wanted, devices=list(devices), parameters={})
        found = answer.get("deployments") if isinstance(answer, Mapping) else answer
        if not isinstance(found, list) or not all(isinstance(item, Mapping) for item in found):
            raise self._strange("place", "a list of what was placed", answer)
        placed: dict[str, str] = {}
        for item in found:
            made, device = item.get("deployment"), item.get("device")
            if not isinstance(made, str) or not isinstance(device, str):
                raise self._strange("place", "each with its `deployment` and `device`", item)
            handle = str(item.get("handle") or made)
            self.standing[made] = Standing(made, handle, client, device, application, version, {})
            placed[made] = device
        return placed

    def update(self, deployment_id: str, version: str | None, parameters: Mapping[str, Any] | None) -> None:
        """Give a deployment another release or other parameter values; None leaves them as they are."""
        before = self._known(deployment_id)
        after = replace(
            before,
            version=version or before.version,
            parameters=before.parameters if parameters is None else {**before.parameters, **parameters},
        )
        change = None if parameters is None else dict(parameters)
        self.do("update", **after.arguments(), version_change=version, parameters_change=change)
        self.standing[deployment_id] = after

    def withdraw(self, deployment_id: str) -> None:
        """Take a deployment back."""
        self.do("withdraw", **self._known(deployment_id).arguments())
        del self.standing[deployment_id]

    def do(self, operation: str, **arguments: Any) -> Any:
        """Carry out an operation and tell the listener of it; gives its result."""
        if not self.can(operation):
            raise Blocked(f"needs northbound operation {operation}, which the {self.adapter.kind} adapter has not")
        began, seen, failed = time.monotonic(), {}, None
        try:
            reply = self.adapter.call(operation, arguments)
            seen = dict(reply.seen)
        except NorthboundError as error:
            failed, seen = str(error), error.seen
            raise
        finally:
            self._hear(
                {
                    "adapter": self.adapter.kind,
                    "where": self.adapter.where,
                    "operation": operation,
                    "arguments": _recordable(arguments),
                    "seconds": round(time.monotonic() - began, 3),
                    "failed": failed,
                    "seen": seen,
                }
            )
        return reply.result

    def _known(self, deployment_id: str) -> Standing:
        # one that another process or run made is named by its id alone
        return self.standing.get(deployment_id) or Standing(deployment_id, deployment_id, "", "", "", "", {})

    def _device(self, client: str, item: Any) -> DeviceAtWfm:
        if not isinstance(item, Mapping) or not isinstance(item.get("device"), str):
            raise self._strange("devices", "each device with its id as `device`", item)
        about = item.get("capabilities")
        kinds = [item.get(name) or () for name in ("runtimes", "types")]
        if not isinstance(about or {}, Mapping) or not all(isinstance(kind, list | tuple) for kind in kinds):
            raise self._strange("devices", "capabilities as an object, runtimes and types as lists", item)
        runtimes, types = (tuple(map(str, kind)) for kind in kinds)
        return DeviceAtWfm(str(item.get("client") or client), item["device"], about or {}, runtimes, types)

    def _strange(self, operation: str, expected: str, found: Any) -> NorthboundError:
        shown = json.dumps(found, ensure_ascii=False, default=str)[:SHOWN]
        return NorthboundError(f"{operation} through {self.adapter.where}: expected {expected}, found {shown}")


def _recordable(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments as they stand in the record: bytes by size and digest."""
    return {
        name: {"size": len(value), "digest": f"sha256:{hashlib.sha256(value).hexdigest()}"}
        if isinstance(value, bytes)
        else value
        for name, value in arguments.items()
    }
