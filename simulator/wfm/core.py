"""The desired-state core: what each client's devices can do, should run and did run. A state machine without I/O.

Commands take the time `now` (seconds since the epoch) and return an `Outcome`: the result, and the rows to make
durable. State changes at once, but a new manifest is served only after `settle`, so that no client ever sees a version
that a crash could take back. Refusals are raised as the exceptions of `refusals`; operator mistakes as `ValueError`.
"""

import uuid
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.ids import DEVICE_ID_PATTERN, MAX_MANIFEST_VERSION, parent_of
from simulator.protocol.operations import API_ROOT
from simulator.protocol.status import DeploymentStatus, State, StatusReport
from simulator.wfm.changes import (
    Change,
    Drop,
    Outcome,
    Put,
    client_put,
    deployment_put,
    device_put,
    journal_put,
    status_put,
)
from simulator.wfm.patterns import matches_whole
from simulator.wfm.publishing import Composed, adopt
from simulator.wfm.refusals import (
    BundleNotFound,
    DeploymentNotFound,
    DeviceNotFound,
    GatewayNotFound,
    NotAuthorized,
    SemanticError,
    read,
)
from simulator.wfm.restoring import restore_client
from simulator.wfm.state import (
    ClientState,
    DeploymentRecord,
    Desired,
    DeviceRecord,
    JournalEntry,
    Publication,
    StatusRecord,
)

OPERATOR = "operator"


@dataclass(frozen=True, slots=True)
class CoreLimits:
    """Bounds of memory: superseded manifests kept per client, devices and deployments per client, journal entries."""

    history: int = 16
    devices: int = 10_000
    deployments: int = 5_000
    gone: int = 1_000
    journal: int = 100_000


class DesiredState:
    """The state of all clients. Not thread-safe: one event loop owns it.

    `accepted` lists the clients that the operator accepts; None accepts every client of the WFM's namespace (ID-54).
    """

    def __init__(
        self,
        accepted: Iterable[str] | None = None,
        limits: CoreLimits | None = None,
        new_id: Callable[[], str] = lambda: str(uuid.uuid4()),
    ) -> None:
        self.accepted: frozenset[str] | None = None if accepted is None else frozenset(accepted)
        self.limits = limits or CoreLimits()
        self.new_id = new_id
        self.clients: dict[str, ClientState] = {}
        self.owners: dict[str, str] = {}
        self.journal: deque[JournalEntry] = deque(maxlen=self.limits.journal)
        self._seq = 0

    # -- what a client may do ---------------------------------------------------------------------------------------

    def authorize(self, client_id: str) -> None:
        """Apply local policy to a client; raises NotAuthorized (SEC-011, ID-53..ID-55)."""
        if self.accepted is not None and client_id not in self.accepted:
            raise NotAuthorized(f"client {client_id} is not accepted by this WFM")
        client = self.clients.get(client_id)
        if client is not None and client.retired:
            raise NotAuthorized(f"the relationship with client {client_id} has been retired")

    def report_capabilities(self, client_id: str, device_id: str, body: bytes, now: float) -> Outcome[bool]:
        """Create (True) or replace (False) a device's record in the caller's scope (DC-032..DC-040).

        Raises MalformedRequest, SemanticError, GatewayNotFound.
        """
        capabilities = self.read_capabilities(device_id, body)
        client = self.client(client_id)
        self.check_gateway(client, device_id)
        known = client.devices.get(device_id)
        if known is None and len(client.devices) >= self.limits.devices:
            raise SemanticError.of_field("deviceId", f"at most {self.limits.devices} devices per client")
        device = DeviceRecord(device_id, body, capabilities, known.first_at if known else now, now)
        client.devices[device_id] = device
        changes = [*self._known(client), device_put(client_id, device)]
        if known is None or known.body != body:
            action = "capabilities-reported" if known is None else "capabilities-changed"
            changes.append(self._note(now, client_id, action, client_id, device_id=device_id))
        return Outcome(known is None, tuple(changes))

    def withdraw_capabilities(self, client_id: str, device_id: str, now: float) -> Outcome[None]:
        """Forget a device and all devices behind it (DC-036, AMB-X-25). Raises DeviceNotFound."""
        client = self.client(client_id)
        if device_id not in client.devices:
            raise DeviceNotFound(f"no device {device_id} has been reported")
        behind = [name for name in client.devices if name == device_id or name.startswith(f"{device_id}/")]
        changes: list[Change] = []
        for name in behind:
            del client.devices[name]
            changes.append(Drop("devices", (client_id, name)))
            changes.append(self._note(now, client_id, "capabilities-withdrawn", client_id, device_id=name))
        return Outcome(None, tuple(changes))

    def manifest(self, client_id: str) -> Publication:
        """The newest durable manifest of a client; version 1 without deployments for a new one (DS-013, AMB-C-20)."""
        return self.client(client_id).served

    def document(self, client_id: str, deployment_id: str, digest: str) -> bytes:
        """The exact bytes of a deployment, by digest, in the caller's scope. Raises DeploymentNotFound."""
        try:
            return self.client(client_id).documents[deployment_id, digest]
        except KeyError:
            raise DeploymentNotFound(f"no deployment {deployment_id} with the digest {digest}") from None

    def bundle(self, client_id: str, digest: str) -> bytes:
        """The exact bytes of a bundle, by digest, in the caller's scope. Raises BundleNotFound."""
        try:
            return self.client(client_id).bundles[digest]
        except KeyError:
            raise BundleNotFound(f"no bundle with the digest {digest}") from None

    def report_status(self, client_id: str, deployment_id: str, body: bytes, now: float) -> Outcome[bool]:
        """Take a status report; True when it is the first of its deployment (ST-018).

        Raises MalformedRequest, SemanticError, DeploymentNotFound (AMB-X-21).
        """
        client = self.client(client_id)
        record = client.deployments.get(deployment_id)
        status = self.read_status(deployment_id, body)
        if record is None:
            raise DeploymentNotFound(f"no deployment {deployment_id}")
        _check_reporter(status, record.desired.target)
        before = client.statuses.get(deployment_id)
        report = StatusRecord(deployment_id, body, status, now)
        client.statuses[deployment_id] = report
        changes: list[Change] = [status_put(client_id, report)]
        if before is None or _told(before.status) != _told(status):
            changes.append(self._note_status(now, client, record, status))
        if status.status.state is State.REMOVED and record.phase == "withdrawn":
            changes += self._bury(client, record, now)
        return Outcome(before is None, tuple(changes))

    # -- what an operator may do ------------------------------------------------------------------------------------

    def change(
        self,
        client_id: str,
        put: Sequence[Desired] = (),
        drop: Iterable[str] = (),
        *,
        now: float,
        actor: str = OPERATOR,
    ) -> Outcome[Publication]:
        """Put and drop deployments of one client, all in one new manifest version (DS-011).

        A dropped deployment leaves the manifest at once; its record stays until the device reported `removed`.

        Raises:
            DeploymentNotFound: a deployment to drop is not desired.
            ValueError: too many deployments, or no version left.
        """
        client = self.client(client_id)
        wanted = {name: record for name, record in client.deployments.items() if record.phase == "desired"}
        dropped = tuple(drop)
        for name in dropped:
            if name not in wanted:
                raise DeploymentNotFound(f"no deployment {name} is desired of client {client_id}")
        if len(wanted) + len(put) - len(dropped) > self.limits.deployments:
            raise ValueError(f"at most {self.limits.deployments} deployments per client")
        documents = {name: record.desired.document for name, record in wanted.items() if name not in dropped}
        documents |= {desired.deployment_id: desired.document for desired in put}
        composed = replace(self.compose(self.next_version(client), documents), root=self.root(client_id))
        publication = self.written(composed, now)  # whatever cannot be published fails here, before anything changed
        changes = self._known(client)
        for name in dropped:
            record = replace(wanted[name], phase="withdrawn", changed_at=now)
            changes += self._store(client, record, now, actor, "deployment-withdrawn")
        for desired in put:
            before = client.deployments.get(desired.deployment_id)
            record = DeploymentRecord(desired, "desired", before.created_at if before else now, now)
            action = "deployment-changed" if desired.deployment_id in wanted else "deployment-created"
            changes += self._store(client, record, now, actor, action)
        if client.next_version is not None:
            client.next_version = None
            changes.append(client_put(client))
        changes += adopt(client, composed, publication, self.limits.history)
        return Outcome(client.latest, tuple(changes), client_id, client.latest)

    def jump_version(self, client_id: str, version: int, *, now: float) -> Outcome[None]:
        """Give the client's next manifest this version. Raises ValueError unless it is larger and below 2^64."""
        client = self.client(client_id)
        if not client.latest.version < version <= MAX_MANIFEST_VERSION:
            raise ValueError(f"version: expected {client.latest.version + 1}..{MAX_MANIFEST_VERSION}, found {version}")
        client.next_version = version
        note = self._note(now, OPERATOR, "version-jump", client_id, detail={"version": version})
        return Outcome(None, (*self._known(client), client_put(client), note))

    def retire(self, client_id: str, *, now: float, retired: bool = True, actor: str = OPERATOR) -> Outcome[None]:
        """End the relationship with a client, or (retired=False) take it up again (SEC-012, ID-55)."""
        client = self.client(client_id)
        client.retired = retired
        note = self._note(now, actor, "client-retired" if retired else "client-reinstated", client_id)
        client.known = True
        return Outcome(None, (client_put(client), note))

    def note_package(
        self, application: str, version: str, *, now: float, replaced: bool, actor: str = OPERATOR
    ) -> Outcome[None]:
        """Write in the journal that a package came in, or took the place of one; such an entry has no client."""
        about = {"application": application, "version": version}
        note = self._note(now, actor, "package-replaced" if replaced else "package-uploaded", "", detail=about)
        return Outcome(None, (note,))

    def settle(self, outcome: Outcome[Any]) -> None:
        """What the outcome changed is durable now: serve its manifest."""
        if outcome.client_id is None or outcome.publication is None:
            return
        client = self.clients.get(outcome.client_id)
        if client is not None and outcome.publication.version > client.served.version:
            client.served = outcome.publication

    def forget_everything(self) -> None:
        """Start from nothing, but for the accepted-client policy."""
        self.clients.clear()
        self.owners.clear()
        self.journal.clear()
        self._seq = 0

    def restore(self, rows: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
        """Take up the state from the store's rows, table by table."""
        self.forget_everything()
        entries, clients = restore_client(rows, self.client)
        self.journal.extend(entries)
        self._seq = self.journal[-1].seq if self.journal else 0
        for client in clients:
            client.known = True
            self.owners.update(dict.fromkeys(client.deployments, client.client_id))

    def client(self, client_id: str) -> ClientState:
        """A client's state; a new client has manifest version 1 without deployments (DS-013)."""
        client = self.clients.get(client_id)
        if client is None:
            first = self.written(Composed.of(1, {}), 0.0)
            client = ClientState(client_id, first, first, history=OrderedDict({1: first}))
            self.clients[client_id] = client
        return client

    # -- small rules, each its own so that a broken WFM can break just one ------------------------------------------

    def read_capabilities(self, device_id: str, body: bytes) -> DeviceCapabilities:
        """Read a capabilities report for the device named in the path (DC-006..DC-028, AMB-X-20)."""
        capabilities = self.capabilities_of(body)
        if not matches_whole(DEVICE_ID_PATTERN, device_id):
            raise SemanticError.of_field("deviceId", f"expected unreserved characters and /, found {device_id!r}")
        if capabilities.properties.id != device_id:
            found = capabilities.properties.id
            raise SemanticError.of_field("properties.id", f"expected {device_id} as in the path, found {found}")
        return capabilities

    def read_status(self, deployment_id: str, body: bytes) -> StatusReport:
        """Read a status report for the deployment named in the path (ST-003..ST-012, AMB-X-20)."""
        status = self.status_of(body)
        if status.deployment_id != deployment_id:
            found = status.deployment_id
            raise SemanticError.of_field("deploymentId", f"expected {deployment_id} as in the path, found {found}")
        return status

    def capabilities_of(self, body: bytes) -> DeviceCapabilities:
        """The capabilities in a body, in the form of the revision. Raises MalformedRequest, SemanticError."""
        return read(DeviceCapabilities, body, "DeviceCapabilitiesManifest")

    def status_of(self, body: bytes) -> StatusReport:
        """The status report in a body, in the form of the revision. Raises MalformedRequest, SemanticError."""
        return read(DeploymentStatus, body, "DeploymentStatusManifest")

    def check_gateway(self, client: ClientState, device_id: str) -> None:
        """A child's gateway has to be known first; raises GatewayNotFound (DC-033, DC-034)."""
        gateway = parent_of(device_id)
        if gateway is not None and gateway not in client.devices:
            raise GatewayNotFound(f"device {device_id} stands behind {gateway}, which has not been reported")

    def next_version(self, client: ClientState) -> int:
        """The version of the next manifest: one more, or the one that was forced (DS-011). Raises ValueError."""
        version = client.next_version or client.latest.version + 1
        if version > MAX_MANIFEST_VERSION:
            raise ValueError(f"client {client.client_id} has used every manifest version up to {MAX_MANIFEST_VERSION}")
        return version

    def root(self, client_id: str) -> str:
        """The root of the routes of a client."""
        del client_id
        return API_ROOT

    def compose(self, version: int, documents: Mapping[str, bytes]) -> Composed:
        """What a manifest is made of."""
        return Composed.of(version, documents)

    def written(self, composed: Composed, now: float) -> Publication:
        """A manifest as the bytes that will be served."""
        manifest = composed.manifest()
        contents = {ref.deployment_id: ref.digest for ref in manifest.deployments}
        return Publication.of(composed.version, manifest.to_bytes(), contents, composed.bundle_digest, now)

    # -- parts ------------------------------------------------------------------------------------------------------

    def _known(self, client: ClientState) -> list[Change]:
        """The client's row and first manifest, the first time that anything of it has to be durable."""
        if client.known:
            return []
        client.known = True
        return [client_put(client)]

    def _store(
        self, client: ClientState, record: DeploymentRecord, now: float, actor: str, action: str
    ) -> list[Change]:
        desired = record.desired
        client.deployments[desired.deployment_id] = record
        self.owners[desired.deployment_id] = client.client_id
        about = {"target": desired.target, "digest": desired.digest, "name": desired.name}
        note = self._note(now, actor, action, client.client_id, desired.target, desired.deployment_id, detail=about)
        return [deployment_put(client.client_id, record), note]

    def _bury(self, client: ClientState, record: DeploymentRecord, now: float) -> list[Change]:
        """The removal is complete: only a mark stays, so that a repeated report is still understood."""
        name = record.desired.deployment_id
        client.deployments[name] = replace(record, phase="gone", changed_at=now)
        changes: list[Change] = [deployment_put(client.client_id, client.deployments[name])]
        gone = [name for name, kept in client.deployments.items() if kept.phase == "gone"]
        for old in gone[: max(0, len(gone) - self.limits.gone)]:
            del client.deployments[old]
            client.statuses.pop(old, None)
            self.owners.pop(old, None)
            changes += [Drop("deployments", (client.client_id, old)), Drop("statuses", (client.client_id, old))]
        return changes

    def _note_status(self, now: float, client: ClientState, record: DeploymentRecord, status: StatusReport) -> Put:
        """Remember what the device said, with the digest of what it had adopted, as far as that is still known."""
        adopted = client.history.get(status.adopted or 0)
        detail = {
            "state": str(status.status.state),
            "components": {component.name: str(component.state) for component in status.components},
            "adoptedManifestVersion": status.adopted,
            "digest": adopted.contents.get(status.deployment_id) if adopted else None,
            "name": record.desired.name,
        }
        device = status.device_id or record.desired.target
        return self._note(
            now, client.client_id, "status-reported", client.client_id, device, status.deployment_id, detail=detail
        )

    def _note(
        self,
        now: float,
        actor: str,
        action: str,
        client_id: str,
        device_id: str | None = None,
        deployment_id: str | None = None,
        *,
        detail: Mapping[str, Any] | None = None,
    ) -> Put:
        self._seq += 1
        entry = JournalEntry(self._seq, now, actor, action, client_id, device_id, deployment_id, detail or {})
        self.journal.append(entry)
        return journal_put(entry)


def _check_reporter(status: StatusReport, target: str) -> None:
    """The reporting device is the target or, with `*`, the gateway or a device behind it (ST-006, AMB-X-34)."""
    found = status.device_id
    gateway = target.removesuffix("/*")
    if found is None or found == gateway or (target.endswith("/*") and found.startswith(f"{gateway}/")):
        return
    raise SemanticError.of_field("deviceId", f"expected {target}, found {found}")


def _told(status: StatusReport) -> tuple[Any, ...]:
    """What makes a report worth a journal entry."""
    components = tuple((component.name, component.state) for component in status.components)
    return (status.status.state, status.adopted, status.device_id, components)
