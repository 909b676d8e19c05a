"""The rig with a device in the subject's seat: the two seats, and the names that scenarios use.

Everything done is recorded as a fact, since checks read nothing but the record.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from conformance.bench.applications import Applications, Release
from conformance.bench.bench import Bench, Condition
from conformance.bench.device_binding import spoken, spoken_by_refused
from conformance.bench.device_deployments import component_count
from conformance.bench.device_reports import id_of, own_report, remember, types_of
from conformance.bench.device_subject import DeviceSeat
from conformance.bench.device_world import CLIENT_ID, World
from conformance.bench.errors import Blocked, NotSeen, OtherRevision, SubjectMissing
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from conformance.catalogue import Catalogue
from conformance.checks.device import evidence
from conformance.checks.evidence import Record
from simulator.protocol.application import ProfileOffer

MAX_TARGET = 120
KINDS = {"multipart": "", "chart": "helm", "archive": "compose"}
"""Names that steps use for an application of some kind, whichever it is."""


class Components(Protocol):
    """Where the components of deployments are fetched from, while a registry of the bench is open."""

    @property
    def address(self) -> str:
        """What stands behind `oci://` in deployments."""
        ...

    def hold(self, role: str, release: Release, profile: ProfileOffer) -> None:
        """Hold every component of a profile."""
        ...


class DeviceRig(Bench):
    """The rig of one device scenario. `named` maps the roles of applications to their deployment ids."""

    role = "device"

    def __init__(
        self,
        ics: Ics,
        recorder: Recorder,
        catalogue: Catalogue,
        loop: BackgroundLoop,
        seat: DeviceSeat,
        apps: Applications,
    ) -> None:
        super().__init__(ics, recorder, catalogue, loop)
        self.seat = seat
        self.hooks = seat.hooks
        self.apps = apps
        self.world: World = seat.world(recorder, loop)
        self.components: Components | None = None
        """The registry that the scenario opened: every deployment names it."""
        self.shelf: Components | None = None
        """What stands for the whole run: deployments of the suite's own applications name it."""

    # --- the two seats ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the counterpart and note who is who; the subject comes with the first Given."""
        world = self.world
        self._cleanup.callback(self._end)
        self.loop.run(self.seat.open(world), self.seat.patience_s)
        remember(world.told_of_devices(), self.seat.memory)  # also what came between two scenarios
        self.note(
            "provisioned",
            **world.provisioned(),
            pollInterval=self.ics.poll_interval or self.seat.poll_s,
            knownVersion=world.version if self.seat.keeps_state and self.seat.memory.get("capabilities") else 0,
        )

    def _end(self) -> None:
        self.loop.run(self.seat.close(self.world), self.seat.patience_s)

    def connect(self) -> None:
        """Have the device there: started, announced and polling."""
        self.start_device()
        if self.seat.keeps_state and not self.seat.memory.get("came"):
            self.await_first_request()
        self.reach(lambda record: record.polls, "connect", "the device's first poll")
        self.reach(self._capabilities, "connect", "the device's capabilities")

    def reach(self, condition: Condition, within: str, what: str) -> None:
        """Wait for the state a scenario starts from; raises NotSeen, with the last that the device did instead."""
        try:
            super().reach(condition, within, what)
        except NotSeen as error:
            last = next(iter(reversed(evidence.management(self.record))), None)
            if last is None or self.record.facts_of("flooded"):
                raise
            came = f"answered {last.status}" if last.status else "not answered"
            raise NotSeen(f"{error}; its last request, {last.method} {last.target[:MAX_TARGET]}, was {came}") from None

    def await_first_request(self) -> None:
        """Wait for a device that was never here.

        Raises SubjectMissing, or OtherRevision: then no scenario could say anything.
        """
        world, began = self.world, self.recorder.now()
        try:
            if self.until(evidence.management, "connect"):
                self._check_revision()
                return
        except NotSeen:  # a flood; one of connections alone is nobody whom scenarios could ask anything
            if world.tally.requests:
                raise
        waited = round(self.recorder.now() - began, 1)
        who = world.tally.who_came(world.link.accepted, world.url, waited)
        other = spoken_by_refused(world.tally.refused, self.ics.revision)
        raise OtherRevision(who, other) if other else SubjectMissing(who)

    def _check_revision(self) -> None:
        other = spoken(evidence.management(self.record), self.ics.revision)
        if other is not None:
            revision, item = other
            said = f"the device does not speak {self.ics.revision}: {item.method} {item.target[:MAX_TARGET]}"
            raise OtherRevision(f"{said} is a request of {revision}", revision)

    def unmanaged(self) -> None:
        """Have a device that, once it is started, was never managed before."""
        self.loop.run(self.seat.begin_unmanaged(self.world), self.seat.patience_s)

    def start_device(self) -> None:
        """Switch the device on; it need not get anywhere."""
        if not self.named.get("started"):
            self.named["started"] = True
            self.note("device-started")
            self.loop.run(self.seat.start(self.world), self.seat.patience_s)

    def _capabilities(self, record: Record) -> Mapping[str, Any] | None:
        """The device's own report, of this scenario or, when it keeps its state, of an earlier one."""
        return own_report(record, self.seat.memory)

    @property
    def device_id(self) -> str:
        """The device's own id."""
        return id_of(self._capabilities(self.record) or {}, CLIENT_ID)

    @property
    def host(self) -> Mapping[str, Any]:
        """What the device says of itself or, for a gateway that hosts nothing, of the first device behind it."""
        own = self._capabilities(self.record) or {}
        known = (own, *self.seat.memory["capabilities"].values())
        return next((document for document in known if types_of(document)), own)

    @property
    def types(self) -> Sequence[str]:
        """Deployment types of the device that deployments are for."""
        return types_of(self.host) or ("helm", "compose")

    # --- the names that scenarios use -------------------------------------------------------------------------------

    def role_of(self, name: str) -> str:
        """Give the role behind a name: itself, or the first application that is `multipart`, a `chart`, an `archive`.

        Raises Blocked when no application is of that kind.
        """
        if name in self.apps or name not in KINDS:
            return name
        for role, application in self.apps.items():
            release = application.release(1)
            several = component_count(release, self.types) > 1
            kinds = [profile.type for profile in release.description.deployment_profiles]
            if several if name == "multipart" else KINDS[name] in kinds:
                return role
        raise Blocked(f"no application is of the kind {name}")

    def deployment_id(self, role: str) -> str:
        """The id of a role's deployment; made when it is first asked for."""
        known: str = self.named.setdefault(self.role_of(role), str(uuid.uuid4()))
        return known
