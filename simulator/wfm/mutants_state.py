"""WFMs that are broken in what they keep: devices, statuses, tenants, versions, and what an operator may do."""

import json
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from simulator.protocol.application import ApplicationDescription
from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.documents import DocumentError, canonical_json, parse_json
from simulator.protocol.status import StatusReport
from simulator.wfm.changes import Outcome
from simulator.wfm.core import OPERATOR, DesiredState
from simulator.wfm.mutants_model import Json, WfmMutant
from simulator.wfm.northbound import Northbound
from simulator.wfm.packages import Package
from simulator.wfm.refusals import DeploymentNotFound, DeviceNotFound, SemanticError
from simulator.wfm.server import ReferenceWfm
from simulator.wfm.shelf import PackageShelf
from simulator.wfm.state import KNOWN_RUNTIMES, KNOWN_TYPES, Desired, Publication


class _AnyDeviceId(DesiredState):
    """Ids are taken as they come."""

    def read_capabilities(self, device_id: str, body: bytes) -> DeviceCapabilities:
        value = parse_json(body, "report")
        properties = value.get("properties") if isinstance(value, dict) else None
        try:
            named = {**value, "properties": {**properties, "id": "any"}} if isinstance(properties, dict) else value
            read = DeviceCapabilities.from_wire(named, "report")
        except DocumentError:
            return super().read_capabilities(device_id, body)
        return read.model_copy(update={"properties": read.properties.model_copy(update={"id": device_id})})


class _PlainIdsOnly(DesiredState):
    """Only letters, digits and dashes are taken in ids."""

    def read_capabilities(self, device_id: str, body: bytes) -> DeviceCapabilities:
        if not device_id.replace("-", "").replace("/", "").isalnum():
            raise SemanticError.of_field("deviceId", "expected letters, digits and dashes")
        return super().read_capabilities(device_id, body)


class _KnownKindsOnly(DesiredState):
    """Runtimes and types that nobody knows are dropped."""

    def read_capabilities(self, device_id: str, body: bytes) -> DeviceCapabilities:
        read = super().read_capabilities(device_id, body)
        kept = {
            "supported_runtimes": _known(read.properties.supported_runtimes, KNOWN_RUNTIMES),
            "supported_deployment_types": _known(read.properties.supported_deployment_types, KNOWN_TYPES),
        }
        return read.model_copy(update={"properties": read.properties.model_copy(update=kept)})


def _known(values: tuple[str, ...] | None, known: tuple[str, ...]) -> tuple[str, ...] | None:
    return None if values is None else tuple(value for value in values if value in known)


class _NoExtensions(DesiredState):
    def read_capabilities(self, device_id: str, body: bytes) -> DeviceCapabilities:
        value = parse_json(body, "report") if body.startswith(b"{") else None
        if isinstance(value, dict) and any(name.startswith("x-") for name in value):
            raise SemanticError.of_field("(root)", "expected known members only")
        return super().read_capabilities(device_id, body)


class _FirstReportOnly(DesiredState):
    """A later report of a device is taken, and forgotten."""

    def report_capabilities(self, client_id: str, device_id: str, body: bytes, now: float) -> Outcome[bool]:
        kept = self.client(client_id).devices.get(device_id)
        outcome = super().report_capabilities(client_id, device_id, body, now)
        if kept is not None:
            self.client(client_id).devices[device_id] = kept
        return outcome


class _ForgottenAtOnce(DesiredState):
    """A device is taken, and not kept."""

    def report_capabilities(self, client_id: str, device_id: str, body: bytes, now: float) -> Outcome[bool]:
        outcome = super().report_capabilities(client_id, device_id, body, now)
        return replace(outcome, value=True)


class _DeletesNothing(DesiredState):
    """A device that is not there is withdrawn all the same."""

    def withdraw_capabilities(self, client_id: str, device_id: str, now: float) -> Outcome[None]:
        try:
            return super().withdraw_capabilities(client_id, device_id, now)
        except DeviceNotFound:
            return Outcome(None, ())


class _ForeignDevices(DesiredState):
    """A device is withdrawn for whoever has it."""

    def withdraw_capabilities(self, client_id: str, device_id: str, now: float) -> Outcome[None]:
        owners = [name for name, client in self.clients.items() if device_id in client.devices]
        return super().withdraw_capabilities(owners[0] if owners else client_id, device_id, now)


class _DevicesOfAll(DesiredState):
    """A device id is one device, whoever reports it."""

    def report_capabilities(self, client_id: str, device_id: str, body: bytes, now: float) -> Outcome[bool]:
        known = any(device_id in client.devices for client in self.clients.values())
        return replace(super().report_capabilities(client_id, device_id, body, now), value=not known)


class _ForeignStatuses(DesiredState):
    """The status of a deployment is taken from whoever reports it."""

    def report_status(self, client_id: str, deployment_id: str, body: bytes, now: float) -> Outcome[bool]:
        owner = self.owners.get(deployment_id, client_id)
        return super().report_status(owner, deployment_id, body, now)


class _AnyStatus(DesiredState):
    """The status of a deployment that never was is taken."""

    def report_status(self, client_id: str, deployment_id: str, body: bytes, now: float) -> Outcome[bool]:
        try:
            return super().report_status(client_id, deployment_id, body, now)
        except DeploymentNotFound:
            return Outcome(True, ())


class _AnyStatusId(DesiredState):
    """The id in a report need not be that of its address."""

    def read_status(self, deployment_id: str, body: bytes) -> StatusReport:
        value = parse_json(body, "status") if body.startswith(b"{") else None
        if isinstance(value, dict) and "deploymentId" in value:
            body = canonical_json({**value, "deploymentId": deployment_id})
        return super().read_status(deployment_id, body)


class _Forgetful(DesiredState):
    """A restart begins anew."""

    def restore(self, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        super().restore({**rows, "publications": [], "contents": [], "deployments": []})


class _NewIdForChange(DesiredState):
    """A change makes another deployment."""

    def change(
        self,
        client_id: str,
        put: Sequence[Desired] = (),
        drop: Iterable[str] = (),
        *,
        now: float,
        actor: str = OPERATOR,
    ) -> Outcome[Publication]:
        known = self.client(client_id).deployments
        changed = [one for one in put if one.deployment_id in known]
        fresh = [_renamed(one, str(uuid.uuid4())) for one in changed]
        rest = [one for one in put if one not in changed]
        dropped = [*drop, *(one.deployment_id for one in changed)]
        return super().change(client_id, [*rest, *fresh], dropped, now=now, actor=actor)


def _renamed(desired: Desired, deployment_id: str) -> Desired:
    document = desired.document.replace(desired.deployment_id.encode(), deployment_id.encode())
    return replace(desired, deployment_id=deployment_id, document=document)


class _NumbersEachAnswer(DesiredState):
    """The manifest is written anew for each request."""

    def manifest(self, client_id: str) -> Publication:
        served = super().manifest(client_id)
        asked = self.__dict__["_asked"] = self.__dict__.get("_asked", 0) + 1
        body = json.dumps(json.loads(served.body), indent=asked % 7).encode()
        return Publication.of(served.version, body, served.contents, served.bundle_digest, served.at)


class _Shelf(PackageShelf):
    """Packages that are changed when they are taken from the shelf."""

    def __init__(self, change: Callable[[Package], Package]) -> None:
        super().__init__()
        self._change = change

    def get(self, application_id: str, version: str | None = None) -> Package:
        return self._change(super().get(application_id, version))


def _with_shelf(change: Callable[[Package], Package]) -> type[ReferenceWfm]:
    class Changed(ReferenceWfm):
        def __init__(self, *parts: Any, **options: Any) -> None:
            super().__init__(*parts, **options)
            self.shelf = _Shelf(change)
            self.northbound = Northbound(self.service, self.shelf)

    return Changed


def _changed_raw(package: Package, change: Callable[[Json], Json]) -> Package:
    raw = change(dict(package.raw))
    return replace(package, raw=raw, description=ApplicationDescription.from_wire(raw, "description"))


def _without_rules(raw: Json) -> Json:
    return {name: value for name, value in raw.items() if name != "configuration"}


def _all_changeable(raw: Json) -> Json:
    configuration = raw.get("configuration")
    if not configuration:
        return raw
    sections = [
        {**section, "settings": [{**setting, "immutable": False} for setting in section["settings"]]}
        for section in configuration["sections"]
    ]
    return {**raw, "configuration": {**configuration, "sections": sections}}


def _root_in_profiles(raw: Json) -> Json:
    extensions = {name: value for name, value in raw.items() if name.startswith("x-")}
    return {**raw, "deploymentProfiles": [{**profile, **extensions} for profile in raw["deploymentProfiles"]]}


STATE = (
    WfmMutant("any-device-id", "DC-007", "Malformed device ids are taken", _AnyDeviceId),
    WfmMutant("plain-ids-only", "DC-006", "Dots and tildes in device ids are refused", _PlainIdsOnly),
    WfmMutant("known-kinds-only", "DC-026", "Unknown runtimes are dropped", _KnownKindsOnly),
    WfmMutant("no-extensions", "DC-039", "Unknown extensions are refused", _NoExtensions),
    WfmMutant("first-report-only", "SEC-009", "The operator is shown the first report for ever", _FirstReportOnly),
    WfmMutant("always-new-device", "DC-040", "A known device is answered 201", _ForgottenAtOnce),
    WfmMutant("deletes-nothing", "DC-040", "What is not there is deleted with 204", _DeletesNothing),
    WfmMutant("foreign-devices", "ID-49", "A device of another client is withdrawn", _ForeignDevices),
    WfmMutant("devices-of-all", "SEC-008", "Two clients cannot use one device id", _DevicesOfAll),
    WfmMutant("foreign-statuses", "SEC-007", "The status of another tenant is taken", _ForeignStatuses),
    WfmMutant("any-status", "SEC-006", "The status of a deployment that never was is taken", _AnyStatus),
    WfmMutant("any-status-id", "ST-018", "The id in a report need not be that of its address", _AnyStatusId),
    WfmMutant("forgetful", "DS-058", "After a restart the manifest begins anew", _Forgetful),
    WfmMutant("new-id-for-change", "AD-004", "A change makes another deployment", _NewIdForChange),
    WfmMutant("written-anew", "DS-058", "The manifest is written anew for each request", _NumbersEachAnswer),
    WfmMutant(
        "any-value",
        "APP-07",
        "Values that break the rules are taken",
        wfm_class=_with_shelf(lambda package: _changed_raw(package, _without_rules)),
    ),
    WfmMutant(
        "all-changeable",
        "APP-08",
        "What cannot be changed is changed",
        wfm_class=_with_shelf(lambda package: _changed_raw(package, _all_changeable)),
    ),
    WfmMutant(
        "root-extensions-passed-on",
        "EXT-03",
        "Extensions for the WFM reach the device",
        wfm_class=_with_shelf(lambda package: _changed_raw(package, _root_in_profiles)),
    ),
)
