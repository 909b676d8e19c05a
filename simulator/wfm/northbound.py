"""The northbound API: the operator's side of the WFM (packages, devices, deployments, journal).

Plain HTTP on a port of its own, on the loopback unless configured otherwise; Margo does not standardise this side.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from aiohttp import web

from simulator.protocol.deployment import parse_deployment
from simulator.wfm import views
from simulator.wfm.core import OPERATOR
from simulator.wfm.northbound_actor import actor_of, with_actor
from simulator.wfm.northbound_models import (
    ChangedDeployment,
    ClientInfo,
    ClientList,
    DeploymentInfo,
    DeploymentList,
    DeviceInfo,
    DeviceList,
    JournalInfo,
    JournalList,
    NewDeployment,
    NewPlacement,
    PackageInfo,
    PackageList,
    Placed,
    RanInfo,
    RanList,
    TargetDevice,
    UnfitDevice,
)
from simulator.wfm.openapi import openapi
from simulator.wfm.operator_http import (
    Query,
    Route,
    give,
    query,
    read_archive,
    read_model,
    time_of,
    time_text,
)
from simulator.wfm.packages import Package, load_archive
from simulator.wfm.placement import Matcher
from simulator.wfm.planning import Wish, plan, profile_for
from simulator.wfm.refusals import DeploymentNotFound, DeviceNotFound, SemanticError
from simulator.wfm.service import WfmService
from simulator.wfm.shelf import PackageShelf
from simulator.wfm.state import Desired, DeviceRecord

ROOT = "/northbound/v1"
MAX_JOURNAL = 10_000
_CLIENT = Query("client", "only this client's")


class Northbound:
    """The operator's commands, in-process (`create`, `update`, `delete`, `upload`) and as HTTP routes."""

    def __init__(self, service: WfmService, shelf: PackageShelf) -> None:
        self.service = service
        self.shelf = shelf
        self.matcher = Matcher()
        self.envelope: Mapping[str, str] = {}

    # -- in-process -------------------------------------------------------------------------------------------------

    async def upload(self, package: Package, actor: str = OPERATOR) -> None:
        """Take a package and write it in the journal, durably."""
        now = self.service.clock()
        replaced = any(package.key == known.key for known in self.shelf)
        noted = self.service.core.note_package(*package.key, now=now, replaced=replaced, actor=actor)
        await self.service.record([self.shelf.put(package, now), *noted.changes])

    async def create(self, new: NewDeployment, actor: str = OPERATOR) -> list[str]:
        """Deploy to every target, one manifest version per client; nothing changes when any target is refused.

        Gives the deployment ids in the order of the targets. Raises Refusal.
        """
        package = self.shelf.get(new.application, new.version)
        planned: dict[str, list[Desired]] = defaultdict(list)
        ids: list[str] = []
        for target in new.targets:
            wish = Wish(
                self.service.core.new_id(),
                target.device_id,
                new.name,
                new.namespace,
                new.profile,
                new.parameters,
                new.labels,
                new.match_device,
            )
            planned[target.client].append(self._plan(package, wish, self._device(target.client, target.device_id)))
            ids.append(wish.deployment_id)
        changes = (self.service.change(client_id, desired, actor=actor) for client_id, desired in planned.items())
        await asyncio.gather(*changes)
        return ids

    async def place(self, new: NewPlacement, actor: str = OPERATOR) -> Placed:
        """Deploy to those of the devices that meet what the application demands (SEL-02); to none when none does.

        Raises Refusal for what is wrong with the wish itself.
        """
        package = self.shelf.get(new.application, new.version)
        fitting: list[TargetDevice] = []
        unfit: list[UnfitDevice] = []
        for name in new.devices:
            wish = Wish("", name, profile=new.profile, match_device=True)
            try:
                profile_for(package, wish, self._device(new.client, name), self.matcher)
            except SemanticError as refused:
                unfit.append(UnfitDevice(device_id=name, reason=refused.detail))
            else:
                fitting.append(TargetDevice(client=new.client, device_id=name))
        ids: list[str] = []
        if fitting:
            wanted = NewDeployment(
                application=new.application,
                version=new.version,
                profile=new.profile,
                targets=fitting,
                parameters=new.parameters,
                match_device=True,
            )
            ids = await self.create(wanted, actor)
        return Placed(deployments=[DeploymentInfo.of(self._view(name)) for name in ids], unfit=unfit)

    async def update(self, deployment_id: str, changed: ChangedDeployment, actor: str = OPERATOR) -> None:
        """Change a deployment that came from a package; its id stays (AD-004). Raises Refusal."""
        view = self._view(deployment_id)
        before = view.record.desired
        if view.record.phase != "desired":
            raise DeploymentNotFound(f"deployment {deployment_id} has been deleted")
        if before.package is None:
            raise SemanticError(f"deployment {deployment_id} did not come from a package and cannot be changed here")
        package = self.shelf.get(before.package[0], changed.version or before.package[1])
        metadata = _metadata(before)
        wish = Wish(
            deployment_id,
            before.target,
            before.name,
            metadata["namespace"],
            changed.profile or before.profile,
            _merged(package, before.parameters, changed.parameters),
            metadata.get("labels"),
            changed.match_device,
        )
        offered = {offer.id for offer in package.description.deployment_profiles}
        if changed.profile is None and before.profile not in offered:
            wish = replace(wish, profile=None)
        device = self._device(view.client.client_id, before.target)
        await self.service.change(view.client.client_id, [self._plan(package, wish, device, before)], actor=actor)

    async def delete(self, deployment_id: str, actor: str = OPERATOR) -> None:
        """Take a deployment out of the manifest at once; its record stays until `removed` is reported."""
        view = self._view(deployment_id)
        await self.service.change(view.client.client_id, drop=[deployment_id], actor=actor)

    async def retire(self, client_id: str, *, retired: bool = True, actor: str = OPERATOR) -> None:
        """End the relationship with a client, known or not, or (retired=False) take it up again, durably."""
        await self.service.record(())  # refuses while the store has failed, before anything changes
        outcome = self.service.core.retire(client_id, now=self.service.clock(), retired=retired, actor=actor)
        await self.service.record(outcome.changes)

    # -- HTTP -------------------------------------------------------------------------------------------------------

    def routes(self) -> tuple[Route, ...]:
        """Every operation of this API."""
        time = Query("time", "RFC 3339, with its zone", required=True)
        after = Query("after", "only entries behind this sequence number")
        one, many = f"{ROOT}/deployments/{{deploymentId}}", f"{ROOT}/deployments"
        retire, device = f"{ROOT}/clients/{{client}}/retirement", f"{ROOT}/devices/{{deviceId}}/at"
        gz = "application/gzip"
        return (
            Route("GET", "/openapi.json", "openApi", "This description", self._openapi),
            Route("GET", f"{ROOT}/packages", "listPackages", "List packages", self._packages, None, PackageList),
            Route("POST", f"{ROOT}/packages", "uploadPackage", "Upload a tar.gz", self._upload, gz, PackageInfo, 201),
            Route("GET", f"{ROOT}/clients", "listClients", "List clients", self._clients, None, ClientList),
            Route(
                "PUT",
                retire,
                "retireClient",
                "End the relationship with a client, seen before or not",
                self._retire,
                status=204,
            ),
            Route("DELETE", retire, "reinstateClient", "Take it up again", self._reinstate, status=204),
            Route(
                "GET",
                f"{ROOT}/devices",
                "listDevices",
                "List devices with their status",
                self._devices,
                None,
                DeviceList,
                200,
                (_CLIENT,),
            ),
            Route(
                *("GET", device, "whatRan", "What ran on a device at a time", self._ran, None, RanList, 200),
                (time, _CLIENT),
                ("deviceId",),
            ),
            Route("POST", many, "createDeployments", "Deploy", self._create, NewDeployment, DeploymentList, 201),
            Route("POST", f"{ROOT}/placements", "place", "Deploy where it fits", self._place, NewPlacement, Placed),
            Route(
                "GET", many, "listDeployments", "List deployments", self._list, None, DeploymentList, 200, (_CLIENT,)
            ),
            Route("GET", one, "getDeployment", "One deployment", self._get, None, DeploymentInfo),
            Route("PATCH", one, "changeDeployment", "Change", self._update, ChangedDeployment, DeploymentInfo),
            Route("DELETE", one, "deleteDeployment", "Delete", self._delete, None, DeploymentInfo, 202),
            Route(
                "GET",
                f"{ROOT}/journal",
                "readJournal",
                "Journal",
                self._journal,
                None,
                JournalList,
                200,
                (after, _CLIENT),
            ),
        )

    async def _openapi(self, _: web.Request) -> web.StreamResponse:
        return web.json_response(with_actor(openapi(self.routes(), "Reference WFM, northbound API")))

    async def _packages(self, _: web.Request) -> web.StreamResponse:
        return give(PackageList(packages=[PackageInfo.of(package) for package in self.shelf]))

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        actor = actor_of(request)
        package = load_archive(await read_archive(request))
        await self.upload(package, actor)
        return give(PackageInfo.of(package), 201)

    async def _clients(self, _: web.Request) -> web.StreamResponse:
        return give(ClientList(clients=[ClientInfo.of(state) for state in self.service.core.clients.values()]))

    async def _retire(self, request: web.Request) -> web.StreamResponse:
        await self.retire(request.match_info["client"], actor=actor_of(request))
        return web.Response(status=204)

    async def _reinstate(self, request: web.Request) -> web.StreamResponse:
        await self.retire(request.match_info["client"], retired=False, actor=actor_of(request))
        return web.Response(status=204)

    async def _devices(self, request: web.Request) -> web.StreamResponse:
        found = views.devices(self.service.core, query(request, "client"))
        return give(DeviceList(devices=[DeviceInfo.of(view) for view in found]))

    async def _ran(self, request: web.Request) -> web.StreamResponse:
        device_id = request.match_info["deviceId"]
        text = query(request, "time")
        if text is None:
            raise SemanticError.of_field("time", "expected a time such as 2026-03-01T12:00:00Z, found nothing")
        at = time_of(text, "time")
        client_id = query(request, "client") or self._owner(device_id)
        ran = views.ran_at(self.service.core, client_id, device_id, at)
        told = [RanInfo.of(one) for one in ran]
        return give(RanList(client=client_id, device_id=device_id, time=time_text(at), deployments=told))

    async def _create(self, request: web.Request) -> web.StreamResponse:
        ids = await self.create(await read_model(request, NewDeployment), actor_of(request))
        return give(DeploymentList(deployments=[DeploymentInfo.of(self._view(name)) for name in ids]), 201)

    async def _place(self, request: web.Request) -> web.StreamResponse:
        return give(await self.place(await read_model(request, NewPlacement), actor_of(request)))

    async def _list(self, request: web.Request) -> web.StreamResponse:
        found = views.deployments(self.service.core, query(request, "client"))
        return give(DeploymentList(deployments=[DeploymentInfo.of(view) for view in found]))

    async def _get(self, request: web.Request) -> web.StreamResponse:
        return give(DeploymentInfo.of(self._view(request.match_info["deploymentId"])))

    async def _update(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["deploymentId"]
        await self.update(name, await read_model(request, ChangedDeployment), actor_of(request))
        return give(DeploymentInfo.of(self._view(name)))

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["deploymentId"]
        await self.delete(name, actor_of(request))
        return give(DeploymentInfo.of(self._view(name)), 202)

    async def _journal(self, request: web.Request) -> web.StreamResponse:
        after = query(request, "after") or "0"
        if not after.isdecimal():
            raise SemanticError.of_field("after", f"expected a sequence number, found {after!r}")
        found = views.journal(self.service.core, client_id=query(request, "client"), after=int(after))
        return give(JournalList(entries=[JournalInfo.of(entry) for entry in islice(found, MAX_JOURNAL)]))

    # -- parts ------------------------------------------------------------------------------------------------------

    def _plan(
        self, package: Package, wish: Wish, device: DeviceRecord | None, before: Desired | None = None
    ) -> Desired:
        return plan(package, wish, device, before, self.matcher, envelope=self.envelope)

    def _device(self, client_id: str, target: str) -> DeviceRecord | None:
        state = self.service.core.clients.get(client_id)
        return state.devices.get(target.removesuffix("/*")) if state else None

    def _view(self, deployment_id: str) -> views.DeploymentView:
        view = views.deployment(self.service.core, deployment_id)
        if view is None:
            raise DeploymentNotFound(f"no deployment {deployment_id}")
        return view

    def _owner(self, device_id: str) -> str:
        """The one client that has this device; two may use the same id (SEC-008)."""
        found = [
            view.client.client_id for view in views.devices(self.service.core) if view.device.device_id == device_id
        ]
        if not found:
            raise DeviceNotFound(f"no device {device_id} has been reported; name its client for a former one")
        if len(found) > 1:
            raise SemanticError.of_field("client", f"expected one of {', '.join(sorted(found))}, found nothing")
        return found[0]


def _metadata(desired: Desired) -> Mapping[str, Any]:
    return parse_deployment(desired.document).metadata.to_wire()


def _merged(package: Package, before: Mapping[str, Any], changed: Mapping[str, Any] | None) -> dict[str, Any]:
    """The values before with the changed ones; a value goes when the package no longer has its parameter."""
    names = package.description.parameters or {}
    return {name: value for name, value in before.items() if name in names} | dict(changed or {})
