"""Broken devices whose defect lies in what they make of desired state, or in what they say that they made of it."""

import asyncio
from dataclasses import replace
from typing import Any

from simulator.device.agent import Agent
from simulator.device.config import DeviceConfig
from simulator.device.desired_state import Offer, UpdateRefused
from simulator.device.durable import Durable, Fault, Report
from simulator.device.eligibility import rule_holds
from simulator.device.events import (
    Answer,
    Effect,
    Persist,
    ResponseArrived,
    Seen,
    StartComponent,
    StopComponent,
    WorkloadEvent,
)
from simulator.device.facts import DeviceFacts
from simulator.device.fetched import Fetched, Package, RetrievalFailed
from simulator.device.mutant import Change, Mutant, with_agent
from simulator.device.retrieval import REFUSED, ComponentRetriever
from simulator.device.revisions import Revision
from simulator.device.work import Part, Work
from simulator.device.workloads import Machine
from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.documents import DocumentError, canonical_json, parse_yaml
from simulator.protocol.manifest import DeploymentRef
from simulator.protocol.status import State

# --- what is said ----------------------------------------------------------------------------------------------------


class CountsFailuresBack(Agent):
    """Says with a first installation that failed the version before it."""

    def reported_version(self, work: Work) -> int:
        """One less, where nothing is held."""
        return work.version - 1 if work.failed and work.held is None and work.version > 1 else work.version


class ClaimsTheFailedUpdate(Agent):
    """Says the newest version although the former revision runs on."""

    def reported_version(self, work: Work) -> int:
        """What was last adopted, held or not."""
        return self.version if work.kept_old else work.version


class CountsBackWhenDone(Agent):
    """Says a lower version when it is done than while it installed."""

    def reported_version(self, work: Work) -> int:
        """One less in the end."""
        done = set(work.states) == {State.INSTALLED}
        return work.version - 1 if done and work.version > 1 else work.version


class SaysOnlyTheEnd(Agent):
    """Says how an installation ended, and nothing on the way."""

    def worth_reporting(self, work: Work, state: State) -> bool:
        """Not what is under way."""
        return state not in (State.PENDING, State.INSTALLING) and super().worth_reporting(work, state)


class SaysRemovedAnyway(Agent):
    """Calls removed what it failed to remove."""

    def continue_removal(self, work: Work) -> None:
        """Whatever came of it."""
        if work.ops:
            return
        work.parts = dict.fromkeys(work.parts, Part(State.REMOVED))
        self.report(work)
        self.works.pop(work.deployment_id, None)
        self.save()
        self.check_reconciled()

    def remove_orphans(self) -> None:
        """Nor afterwards."""


class CallsTheRestPending(Agent):
    """Reports what runs beside a failed component as if it were still to come."""

    def reported_parts(self, work: Work) -> dict[str, Part]:
        """Only the failed one as it is."""
        if not work.failed:
            return work.parts
        return {name: part if part.fault else Part(State.PENDING) for name, part in work.parts.items()}


class ReportsItself(Agent):
    """Reports its own agent like a deployment."""

    def open(self) -> None:
        """Say that the agent is installed."""
        if not self.ready:
            state = {"state": State.INSTALLED.value}
            body = {"deploymentId": "agent", "adoptedManifestVersion": 1, "status": state}
            components = [{"name": "agent", **state}]
            self.outbox.append(Report("agent", canonical_json({**body, "components": components})))
        super().open()


class HearsOfNoNewChildren(Agent):
    """Reports the devices behind it when it starts, and none that come later."""

    def on_capabilities_changed(self, facts: DeviceFacts) -> None:
        """Only those that are known."""
        known = tuple(child for child in facts.children if self.facts.child(child.capabilities.properties.id))
        super().on_capabilities_changed(replace(facts, children=known))


class EscapesTooMuch(Agent):
    """Puts into escapes what need not be."""

    def send(self, talk: Any, method: str, target: str, then: Any, headers: Any = None, body: bytes = b"") -> None:
        """Escape the id of the device."""
        if method == "PUT":
            root, slash, name = target.rpartition("/")
            target = root + slash + name.replace("-", "%2D")
        super().send(talk, method, target, then, headers, body)


# --- what is taken ---------------------------------------------------------------------------------------------------


class ReplacesTheWholeList(Agent):
    """Takes everything down for every new manifest, what stays too."""

    def aim(self, deployment_id: str, revision: Revision) -> Work | None:
        """Say goodbye to what stays, and begin it anew."""
        work = self.works.get(deployment_id)
        if work is not None and work.settled and not work.removing and work.goal.digest == revision.digest:
            work.parts = dict.fromkeys(work.parts, Part(State.REMOVING))
            self.report(work)
            self.works.pop(deployment_id)
        return super().aim(deployment_id, revision)


class KnowsDeploymentsByName(Agent):
    """Takes what it holds of a deployment for its content, whatever digest is asked for."""

    def retrieve(self, offer: Offer) -> None:
        """Fetch only what is new by its id."""
        held = {name: work.goal for name, work in self.works.items() if not work.removing}
        fresh = [ref for ref in offer.manifest.deployments if ref.deployment_id not in held]
        for ref in offer.manifest.deployments:
            if ref.deployment_id in held:
                offer.yamls[ref.digest] = held[ref.deployment_id].yaml
        if fresh:
            super().retrieve(offer)
        else:
            self.complete(offer)


class CallsTheHeardOfInstalled(Agent):
    """Calls installed what it has only heard of, and says nothing more of it."""

    def retrieve(self, offer: Offer) -> None:
        """Say so before anything is fetched."""
        state = {"state": State.INSTALLED.value}
        for ref in offer.manifest.deployments:
            body = {"deploymentId": ref.deployment_id, "adoptedManifestVersion": offer.manifest.manifest_version}
            components = [{"name": "all", **state}]
            self.outbox.append(
                Report(ref.deployment_id, canonical_json({**body, "status": state, "components": components}))
            )
        self.deliver()
        super().retrieve(offer)

    def worth_reporting(self, work: Work, state: State) -> bool:
        """What was said will do."""
        return work.removing and super().worth_reporting(work, state)


class RefusesBuildLabels(Agent):
    """Takes no desired state with a version that has a build label."""

    def read_deployment(self, ref: DeploymentRef, data: bytes) -> Revision:
        """Look at every version."""
        revision = super().read_deployment(ref, data)
        for name, component in revision.components.items():
            if "_" in component.properties.revision:
                raise UpdateRefused(f"{name}: {component.properties.revision} is no version")
        return revision


class RefusesExtensions(Agent):
    """Takes no desired state with an extension that it does not know."""

    def read_deployment(self, ref: DeploymentRef, data: bytes) -> Revision:
        """Look for extensions everywhere."""
        if _has_extension(parse_yaml(data, "deployment")):
            raise UpdateRefused(f"deployment {ref.deployment_id}: unknown extension")
        return super().read_deployment(ref, data)


def _has_extension(value: Any) -> bool:
    if isinstance(value, dict):
        return any(str(name).startswith("x-") or _has_extension(inner) for name, inner in value.items())
    return isinstance(value, list) and any(map(_has_extension, value))


class WantsEveryRule(Agent):
    """Takes a deployment only if every one of its rules is met."""

    def ineligible(self, revision: Revision, device: DeviceCapabilities) -> str | None:
        """All rules together, instead of any."""
        constraints = revision.deployment.spec.deployment_profile.device_constraints
        wire = device.to_wire()
        properties, labels = wire["properties"], wire.get("labels", {})
        rules = constraints.eligibility_rules if constraints else None
        met = all(rule_holds(rule, properties, labels) for rule in rules or ())
        return None if met else "not every rule is met"


class TakesTheUnreadableForEmpty(Agent):
    """Takes a manifest that it cannot read for one without deployments."""

    def take_manifest(self, answer: ResponseArrived) -> None:
        """Remove everything, then."""
        try:
            self.read_manifest(answer.body)
        except DocumentError:
            for work in list(self.works.values()):
                self.begin_removal(work)
            return
        super().take_manifest(answer)


class TakesOneChangeOnly(Agent):
    """Takes the first change of a manifest, and believes that this was all."""

    taken = 0

    def aim(self, deployment_id: str, revision: Revision) -> Work | None:
        """One for each version."""
        if self.taken == self.version:
            return None
        work = super().aim(deployment_id, revision)
        self.taken = self.version if work is not None else self.taken
        return work


class StoresOnlyWhatIsDone(Agent):
    """Stores the newest version and tag, and of deployments only those that are done."""

    def snapshot(self) -> Durable:
        """Leave out what is under way."""
        whole = super().snapshot()
        done = tuple(record for record in whole.works if record.settled)
        return replace(whole, works=done, reconciled=True, etag=self.accepted_etag)


class BelievesStatedSizes(Agent):
    """Takes no bundle of another size than the manifest says."""

    def on_bundle(self, answer: Answer) -> None:
        """Look at the size first."""
        bundle = self.offer.manifest.bundle if self.offer else None
        stated = bundle.size_bytes if bundle is not None else None
        size = len(answer.body) if isinstance(answer, ResponseArrived) and answer.status == 200 else stated
        if stated != size and stated is not None:
            self.abort(f"bundle of {size} bytes, expected {stated}")
        else:
            super().on_bundle(answer)


class StumblesOverItsOwn(Agent):
    """Takes what it runs for somebody else's once it lost its state."""

    def begin(self, work: Work, *, resumed: bool = False) -> None:
        """Refuse where the name is taken."""
        if work.held is None and not resumed and not work.states and self.seen.get(work.deployment_id):
            work.version = self.version
            self.refuse(work, Fault("name-taken", work.goal.name, "something of that name runs already"))
            return
        super().begin(work, resumed=resumed)


class StoresNothing(Agent):
    """Keeps its state in memory only."""

    def take_effects(self) -> list[Effect]:
        """Everything but what would be stored."""
        return [effect for effect in super().take_effects() if not isinstance(effect, Persist)]


class HangsAtOddArchives(ComponentRetriever):
    """Never comes to an end with an archive that is laid out in another way than it expects."""

    async def fetch(self, operation: StartComponent) -> Package:
        """Wait for ever instead of failing."""
        try:
            return await super().fetch(operation)
        except RetrievalFailed as failure:
            if failure.code == REFUSED:
                await asyncio.Event().wait()
            raise


class RestartsWhatExits(Machine):
    """Starts a container again and again that exits when it starts."""

    def begin(self, operation: StartComponent | StopComponent, fetched: Fetched | None = None) -> float | None:
        """Never come to an end with what would fail."""
        took = super().begin(operation, fetched)
        pending = self._pending.get(operation.op)
        compose = isinstance(operation, StartComponent) and operation.kind == "compose"
        return None if compose and pending is not None and pending.step == "start" else took


class LetsTheOldOneRun(Machine):
    """Says that a new revision runs, and leaves the former one as it is."""

    def finish(self, op: int) -> WorkloadEvent | None:
        """Keep what was there."""
        before = dict(self._instances)
        event = super().finish(op)
        key = (event.deployment_id, event.component) if event else ("", "")
        if event and event.outcome == "installed" and key in before:
            self._instances[key] = replace(self._instances[key], revision=before[key].revision)
        return event


class StartsNothingAfterBoot(Machine):
    """Leaves off what ran when the power went."""

    def boot(self, *, restore: bool = True) -> None:
        """Do not start it again."""
        del restore
        super().boot(restore=False)


class TakesItForRunning(Agent):
    """Looks whether something is there, and not whether it runs."""

    def note_seen(self, seen: tuple[Seen, ...]) -> None:
        """As if all of it ran."""
        super().note_seen(tuple(replace(item, running=True) for item in seen))


def _of_kind(kind: str) -> Change:
    """A device that cannot deploy one type although it says so."""

    class Refuses(Agent):
        """Refuses one type."""

        def refusal(self, revision: Revision, device: DeviceCapabilities) -> Fault | None:
            """Whatever else holds."""
            if revision.kind == kind:
                return Fault("no-runtime", revision.name, f"the runtime for {kind} does not answer")
            return super().refusal(revision, device)

    return with_agent(Refuses)


def _leaves_off(config: DeviceConfig) -> DeviceConfig:
    return replace(config, machine_class=StartsNothingAfterBoot, agent_class=TakesItForRunning)


def _machine(machine_class: type[Machine]) -> Change:
    return lambda config: replace(config, machine_class=machine_class)


def _retriever(retriever_class: type[ComponentRetriever]) -> Change:
    return lambda config: replace(config, retriever_class=retriever_class)


STATE_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "counts-failures-back",
        "ST-024",
        "reports a failed first installation with the version before it",
        with_agent(CountsFailuresBack),
    ),
    Mutant(
        "claims-the-failed-update",
        "ST-021",
        "reports the new version although the former revision runs on",
        with_agent(ClaimsTheFailedUpdate),
    ),
    Mutant("counts-back-when-done", "ST-021", "reports a lower version when done", with_agent(CountsBackWhenDone)),
    Mutant("says-only-the-end", "ST-001", "reports nothing on the way", with_agent(SaysOnlyTheEnd)),
    Mutant("says-removed-anyway", "DS-073", "calls removed what it failed to remove", with_agent(SaysRemovedAnyway)),
    Mutant(
        "calls-the-rest-pending",
        "ST-011",
        "reports what runs beside a failed component as still to come",
        with_agent(CallsTheRestPending),
    ),
    Mutant("reports-itself", "DS-002", "reports its own agent like a deployment", with_agent(ReportsItself)),
    Mutant(
        "hears-of-no-new-children",
        "DC-032",
        "does not report a device that comes later",
        with_agent(HearsOfNoNewChildren),
        needs="gateway",
    ),
    Mutant("escapes-too-much", "DC-007", "puts its id into escapes", with_agent(EscapesTooMuch)),
    Mutant("replaces-the-whole-list", "DS-039", "takes down what stays", with_agent(ReplacesTheWholeList)),
    Mutant(
        "knows-deployments-by-name",
        "DS-072",
        "takes what it has of a deployment for its new content",
        with_agent(KnowsDeploymentsByName),
    ),
    Mutant(
        "calls-the-heard-of-installed",
        "DS-071",
        "reports installed what it has not fetched yet",
        with_agent(CallsTheHeardOfInstalled),
    ),
    Mutant("refuses-build-labels", "DEP-05", "understands no build label", with_agent(RefusesBuildLabels)),
    Mutant("refuses-extensions", "AD-031", "takes nothing with an unknown extension", with_agent(RefusesExtensions)),
    Mutant("wants-every-rule", "SEL-06", "wants every rule to be met, not any", with_agent(WantsEveryRule)),
    Mutant(
        "takes-the-unreadable-for-empty",
        "DS-039",
        "removes everything when a manifest cannot be read",
        with_agent(TakesTheUnreadableForEmpty),
    ),
    Mutant("takes-one-change-only", "DS-072", "takes one change of each manifest", with_agent(TakesOneChangeOnly)),
    Mutant(
        "stores-only-what-is-done",
        "DS-075",
        "stores the newest tag, and not what was still to be done for it",
        with_agent(StoresOnlyWhatIsDone),
        needs="power-cut",
    ),
    Mutant("stores-nothing", "PF-09", "adopts what it cannot store", with_agent(StoresNothing), needs="tamper"),
    Mutant("believes-stated-sizes", "DS-022", "takes sizes for a proof", with_agent(BelievesStatedSizes)),
    Mutant(
        "stumbles-over-its-own",
        "ST-023",
        "takes its own workloads for others' once it lost its state",
        with_agent(StumblesOverItsOwn),
        needs="tamper",
    ),
    Mutant(
        "hangs-at-odd-archives",
        "DS-074",
        "says nothing more of an archive that is laid out wrongly",
        _retriever(HangsAtOddArchives),
        needs="registry",
    ),
    Mutant("restarts-what-exits", "CMP-15", "starts for ever what exits", _machine(RestartsWhatExits), needs="fault"),
    Mutant("lets-the-old-one-run", "DS-072", "says that an update runs, and did nothing", _machine(LetsTheOldOneRun)),
    Mutant("leaves-off-after-reboot", "DS-075", "starts nothing after a reboot", _leaves_off, needs="reboot"),
    Mutant("cannot-run-charts", "DEV-04", "claims to deploy charts, and does not", _of_kind("helm")),
    Mutant("cannot-run-compose", "DEV-05", "claims to deploy Compose archives, and does not", _of_kind("compose")),
)
"""Devices that make the wrong thing of desired state, or say so."""
