"""The `symphony` adapter: the northbound API of the public sandbox's WFM, as it is deployed.

It fetches packages itself, works on everything in the background, and has no operation to change a deployment; so the
adapter puts packages where it fetches them, and returns only once the WFM says that it is done.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

from conformance.bench.adapters.files import SymphonyFile
from conformance.bench.adapters.packages import GitPackages, OciPackages, PackageSource, unpacked
from conformance.bench.adapters.requests import OperatorApi, Strange, json_of, shown, trust_of, value_at
from conformance.bench.adapters.templates import Secrets, text_filled
from conformance.bench.errors import Blocked, UsageError
from conformance.bench.northbound import NorthboundError, Reply
from simulator.protocol.application import DESCRIPTION_FILE, ApplicationDescription, ProfileOffer, parse_description
from simulator.protocol.documents import DocumentError

API_VERSION = "non-margo.org"
OPERATIONS = frozenset({"upload", "deploy", "withdraw", "devices", "remove_package"})
READY, BROKEN = "ONBOARDED", "FAILED"
REMOVABLE = frozenset({"PENDING", "INSTALLED", "FAILED"})
"""States in which a deployment may be removed; in the others the WFM answers with an error."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Package:
    """A package at the WFM: its id there, and what is in it."""

    id: str
    description: ApplicationDescription


class SymphonyAdapter:
    """One WFM of this kind. A client is one device there, by the id it was onboarded with."""

    kind = "symphony"

    def __init__(
        self,
        described: SymphonyFile,
        folder: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.where = f"{described.url.rstrip('/')}{described.base.rstrip('/')}"
        self.operations = OPERATIONS | ({"update"} if described.updates else frozenset())
        self._file = described
        self._clock, self._pause = clock, pause
        secrets = self._secrets = Secrets()
        headers = {name: text_filled(value, {}, secrets) for name, value in described.headers.items()}
        trust = trust_of(folder / described.ca if described.ca else None)
        self._api = OperatorApi(described.timeout, trust, secrets, headers)
        self._source = _source(described, folder, secrets)
        self._packages: dict[tuple[str, str], Package] = {}

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
        self._source.close()

    def call(self, operation: str, arguments: Mapping[str, Any]) -> Reply:
        """Carry out an operation, and wait until it is done. Raises NorthboundError, Blocked."""
        try:
            result = getattr(self, f"_{operation}")(**arguments)
        except Strange as strange:
            raise NorthboundError(f"{operation} at {self.where}: {self._secrets.hide(str(strange))}") from None
        return Reply(result, {"result": self._secrets.hide_in(result)})

    def _upload(self, archive: bytes, application: str, version: str) -> Mapping[str, Any]:
        files = unpacked(archive)
        try:
            description = parse_description(files.get(DESCRIPTION_FILE, b""))
        except DocumentError as error:
            raise NorthboundError(str(error)) from None
        source = self._source.publish(files, application, version)
        wanted = _document(
            "ApplicationPackage",
            f"{application}-{version}".lower(),
            {"sourceType": self._source.kind, "source": source},
        )
        answer = json_of(self._send("POST", "/app-packages", json=wanted))
        # earlier ones put the package inside its own member
        identity = _text("metadata.id", answer.get("Package", answer) if isinstance(answer, Mapping) else answer)

        def known() -> str | None:
            state = self._state("/app-packages", identity)
            if state == BROKEN:
                raise NorthboundError(f"package {identity}: expected state {READY}, found {state}")
            return state if state == READY else None

        self._wait(known, f"package {identity}: expected state {READY}")
        self._packages[application, version] = Package(identity, description)
        return {}

    def _deploy(
        self, client: str, device: str, application: str, version: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        wanted = self._deployment(client, application, version, parameters)
        others = [item["device"] for item in self._devices(client)["devices"] if item["device"] != device]
        if others:
            raise Blocked(f"this WFM deploys to a client, and cannot tell {device} from {', '.join(others)}")
        made = _text("metadata.id", json_of(self._send("POST", "/app-deployments", (202, 201, 200), json=wanted)))
        self._wait(lambda: self._state("/app-deployments", made), f"deployment {made}: expected it in the list")
        self._pause(self._file.settle)
        return {"deployment": made}

    def _update(self, handle: str, **given: Any) -> Mapping[str, Any]:
        wanted = self._deployment(given["client"], given["application"], given["version"], given["parameters"])
        self._send("PUT", f"/app-deployments/{handle}", json=wanted)
        self._pause(self._file.settle)
        return {}

    def _withdraw(self, handle: str, **_: Any) -> Mapping[str, Any]:
        def removable() -> str | None:
            state = self._state("/app-deployments", handle)
            if state is None:
                raise NorthboundError(f"deployment {handle}: expected it in the list, found it nowhere")
            return state if state in REMOVABLE else None

        self._wait(removable, f"deployment {handle}: expected state {', '.join(sorted(REMOVABLE))}")
        self._send("DELETE", f"/app-deployments/{handle}")
        self._pause(self._file.settle)
        return {}

    def _devices(self, client: str) -> Mapping[str, Any]:
        found = [item for item in self._listed("/devices") if _text("metadata.id", item) == client]
        return {"devices": [self._device(client, item) for item in found]}

    def _device(self, client: str, item: Mapping[str, Any]) -> Mapping[str, Any]:
        # it shows what the device reported, and nothing that it makes of its runtimes and types
        spec = item.get("spec")
        about = spec.get("capabilities") if isinstance(spec, Mapping) else None
        return {"client": client, "device": str(_properties(about).get("id") or client), "capabilities": about or {}}

    def _remove_package(self, application: str, version: str) -> Mapping[str, Any]:
        package = self._package(application, version)
        self._send("DELETE", f"/app-packages/{package.id}")
        del self._packages[application, version]
        return {}

    # --- what the operations share ----------------------------------------------------------------------------------

    def _deployment(
        self, client: str, application: str, version: str, parameters: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        package = self._package(application, version)
        profile = self._profile(client, package.description)
        kind = self._file.helm if profile.type == "helm" else profile.type
        components = [component.to_wire() for component in profile.components]
        names = {component.name for component in profile.components}
        spec = {
            "appPackageRef": {"id": package.id},
            "deviceRef": {"id": client},
            "deploymentProfile": {"type": kind, "components": components},
            "parameters": dict(_parameters(package.description, names, parameters)),
        }
        return _document("ApplicationDeployment", f"{package.description.id}-{client}".lower(), spec)

    def _package(self, application: str, version: str) -> Package:
        package = self._packages.get((application, version))
        if package is None:
            raise NorthboundError(f"{application} {version}: expected a package that was uploaded before, found none")
        return package

    def _profile(self, client: str, description: ApplicationDescription) -> ProfileOffer:
        """Give the first profile of a type that the device says it takes; where it says nothing, the first."""
        devices = self._devices(client)["devices"]
        types = _properties(devices[0]["capabilities"]).get("supportedDeploymentTypes") if devices else None
        fitting = [item for item in description.deployment_profiles if item.type in (types or ())]
        return (fitting or list(description.deployment_profiles))[0]

    def _state(self, place: str, identity: str) -> str | None:
        """Give the state of a listed thing; None when it is not in the list."""
        for item in self._listed(place):
            if _text("metadata.id", item) == identity:
                status = item.get("status")
                state = status.get("state") if isinstance(status, Mapping) else None
                return str(state or "").upper()
        return None

    def _listed(self, place: str) -> list[Mapping[str, Any]]:
        answer = json_of(self._send("GET", place))
        items = answer.get("items") if isinstance(answer, Mapping) else None
        if items is None and isinstance(answer, Mapping):
            return []  # an empty list is left out, or null
        if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
            raise Strange(f"{place}: expected a list items, found {shown(answer)}")
        return items

    def _send(self, method: str, place: str, expect: tuple[int, ...] = (), **carried: Any) -> httpx.Response:
        return self._api.send(method, f"{self.where}{place}", expect, **carried)[0]

    def _wait(self, find: Callable[[], T | None], wanted: str) -> T:
        """Ask again and again. Raises NorthboundError when it takes too long."""
        deadline = self._clock() + self._file.ready
        while True:
            found = find()
            if found is not None:
                return found
            if self._clock() >= deadline:
                raise NorthboundError(f"{wanted} within {self._file.ready:g} s, found it not so")
            self._pause(self._file.every)


def _source(described: SymphonyFile, folder: Path, secrets: Secrets) -> PackageSource:
    git, oci = described.source.git, described.source.oci
    if git is not None:
        return GitPackages(git, secrets)
    if oci is None:
        raise UsageError("source: expected either git or oci")
    return OciPackages(oci, folder, secrets, described.timeout)


def _document(kind: str, name: str, spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _parameters(
    description: ApplicationDescription, components: set[str], given: Mapping[str, Any]
) -> Mapping[str, Mapping[str, Any]]:
    """Give every parameter with its value and those of its targets that the profile has; unknown ones as they came."""
    made: dict[str, Mapping[str, Any]] = {}
    for name, parameter in (description.parameters or {}).items():
        targets = [target.to_wire() for target in parameter.targets if components & set(target.components)]
        if targets:
            made[name] = {"value": given.get(name, parameter.value), "targets": targets}
    # a value that must be refused has to reach the WFM
    return made | {name: {"value": value, "targets": []} for name, value in given.items() if name not in made}


def _properties(capabilities: Any) -> Mapping[str, Any]:
    told = capabilities.get("properties") if isinstance(capabilities, Mapping) else None
    return told if isinstance(told, Mapping) else {}


def _text(path: str, value: Any) -> str:
    found = value_at(path, value)
    if not isinstance(found, str) or not found:
        raise Strange(f"{path}: expected an id, found {shown(found)}")
    return found
