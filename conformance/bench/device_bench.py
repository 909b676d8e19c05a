"""The bench with a device in the subject's seat: what steps can do to its counterpart, its network and itself.

Everything done is recorded as a fact, since checks read nothing but the record.
"""

import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import yaml

from conformance.bench.applications import Applications
from conformance.bench.bench import Bench
from conformance.bench.device_deployments import Deployment, Variation, component_count, deployment_of
from conformance.bench.device_offers import DEFECTS, Draft, draft_of
from conformance.bench.device_reports import id_of, own_report, types_of
from conformance.bench.device_subject import DeviceSeat
from conformance.bench.device_world import CLIENT_ID, World
from conformance.bench.errors import Blocked, SubjectMissing
from conformance.bench.ics import Ics
from conformance.bench.loop import BackgroundLoop
from conformance.bench.recorder import Recorder
from conformance.catalogue import Catalogue
from conformance.checks.device import evidence
from conformance.checks.evidence import Record
from conformance.record.events import Fact
from simulator.faults.plan import Answer, FaultRule
from simulator.protocol.digest import digest_of
from simulator.protocol.problem import PROBLEM_MEDIA_TYPE

PLAIN = Variation()
KINDS = {"multipart": "", "chart": "helm", "archive": "compose"}
"""Names that steps use for an application of some kind, whichever it is."""


class DeviceBench(Bench):
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
        self._offers = 0

    # --- the two seats ----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Open the counterpart and note who is who; the subject comes with the first Given."""
        world = self.world
        self._cleanup.callback(self._end)
        self.loop.run(self.seat.open(world))
        self.note(
            "provisioned",
            trustDomain=world.wfm_identity.trust_domain,
            wfm=str(world.wfm_identity),
            client=str(world.client_identity),
            url=world.url,
            knownVersion=world.version if self.seat.keeps_state and self.seat.memory.get("capabilities") else 0,
        )

    def _end(self) -> None:
        self.loop.run(self.seat.close(self.world))

    def connect(self) -> None:
        """Have the device there: started, announced and polling."""
        self.start_device()
        if self.seat.keeps_state and not self.seat.memory.get("came"):
            if not self.until(lambda record: record.exchanges or record.connections, "connect"):
                wait = self.deadlines["connect"]
                raise SubjectMissing(f"no device connected to {self.world.url} within {wait:g} s")
            self.seat.memory["came"] = True
        self.reach(lambda record: record.polls, "connect", "the device's first poll")
        self.reach(self._capabilities, "connect", "the device's capabilities")

    def start_device(self) -> None:
        """Switch the device on; it need not get anywhere."""
        if not self.named.get("started"):
            self.named["started"] = True
            self.note("device-started")
            self.loop.run(self.seat.start(self.world))

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

    # --- what the WFM publishes -------------------------------------------------------------------------------------

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

    def make(self, role: str, release: int = 1, variation: Variation = PLAIN, target: str | None = None) -> Deployment:
        """Make a deployment of an application for this device, without publishing it. Raises Blocked."""
        role = self.role_of(role)
        if role not in self.apps:
            raise Blocked(f"there is no {role} application")
        wanted = target or id_of(self.host, self.seat.memory.get("host", CLIENT_ID))
        return deployment_of(self.apps[role].release(release), self.deployment_id(role), wanted, self.types, variation)

    def publish(
        self,
        *wanted: tuple[str, int],
        variation: Variation = PLAIN,
        version: int | None = None,
        target: str | None = None,
    ) -> tuple[Fact, ...]:
        """Have the WFM publish releases of applications, all in one new desired state."""
        made = [(role, release, self.make(role, release, variation, target)) for role, release in wanted]
        number = version or self.world.version + 1
        facts = tuple(self._published(role, release, item, number) for role, release, item in made)
        self.loop.run(self.world.change([item.data for _, _, item in made], version=version))
        return facts

    def _published(self, role: str, release: int, made: Deployment, version: int) -> Fact:
        document = yaml.safe_load(made.data)
        return self.note(
            "published",
            role=role,
            release=release,
            deploymentId=made.deployment_id,
            digest=digest_of(made.data),
            version=version,
            document=document,
            components=list(made.components),
            name=document["metadata"]["name"],
            target=document["metadata"]["deviceId"],
        )

    def withdraw(self, *roles: str) -> None:
        """Have the WFM take applications out of the desired state."""
        version = self.world.version + 1
        for role in roles:
            self.note("withdrawn", role=role, deploymentId=self.deployment_id(role), version=version)
        self.loop.run(self.world.change(drop=[self.deployment_id(role) for role in roles]))

    def run(self, *wanted: tuple[str, int]) -> None:
        """Bring the device to where it runs releases of applications and has polled since."""
        self.connect()
        facts = self.publish(*wanted)
        for fact in facts:
            self.reach(
                lambda record, fact=fact: evidence.installed_and_polled(record, fact),  # type: ignore[misc]
                "apply",
                f"{fact.data['role']} release {fact.data['release']} reported installed",
            )

    def rewrite_manifests(self, rewrite: Callable[[dict[str, Any]], None] | None) -> None:
        """Change every manifest that the WFM publishes from now on, before its tag is made."""
        self.world.rewrite_manifests(rewrite)

    def compress(self, *, bundles: bool = True) -> None:
        """Have the WFM compress what it sends on the way."""
        self.world.wfm.settings.compress_deployments = True
        self.world.wfm.settings.compress_bundles = bundles
        self.note("compressed")

    # --- desired states that are wrong ------------------------------------------------------------------------------

    def offer(self, defect: str, *wanted: tuple[str, int], version: int | None = None, extra: str = "") -> Fact:
        """Serve a desired state with a defect in the first of these releases, until `end_offer`.

        `extra` adds an application that runs nowhere yet: a report of it shows that the state was taken.
        """
        made = {role: self.make(role, release) for role, release in wanted}
        documents = dict(self.world.documents)
        if extra:
            made[extra] = self.make(extra)
        documents |= {item.deployment_id: item.data for item in made.values()}
        changed = made[wanted[0][0]].deployment_id if wanted else next(iter(documents))
        right = draft_of(version or self.world.version + 1, documents, changed)
        draft = DEFECTS[defect](right) if defect in DEFECTS else right
        return self._serve(defect, draft, intruders=[made[extra].deployment_id] if extra else [])

    def offer_without(self, defect: str, role: str, version: int) -> Fact:
        """Serve a desired state of a given version in which an application is missing, until `end_offer`."""
        documents = dict(self.world.documents)
        gone = self.deployment_id(role)
        del documents[gone]
        draft = draft_of(version, documents, next(iter(documents)))
        return self._serve(defect, draft, dropped=[gone])

    def _serve(self, defect: str, draft: Draft, **more: Any) -> Fact:
        self._offers += 1
        label = f"offer {self._offers}: {defect}"
        number = draft.manifest.get("manifestVersion")
        fact = self.note(
            "offered",
            label=label,
            defect=defect,
            version=number if isinstance(number, int) else None,
            etag=draft.etag,
            damaged=list(draft.damaged),
            running=list(self.world.documents),
            changed=draft.changed,
            **more,
        )
        self.loop.run(self.world.disturb(*draft.rules(label)))
        return fact

    def end_offer(self) -> None:
        """Serve what the WFM really wants again, in a version above all that was offered."""
        self.loop.run(self.world.undisturb())
        offered = [fact.data["version"] or 0 for fact in self.record.facts_of("offered")]
        self.named["next version"] = max([self.world.version, *offered]) + 1
        self.note("offer-ended")

    def publish_higher(self, *wanted: tuple[str, int]) -> None:
        """Publish in a version above everything that was offered before."""
        version = self.named.get("next version")
        self.publish(*wanted, version=version)

    def settle(self, fact: Fact | None = None) -> None:
        """Wait until an offer was fetched and two further polls came: the window for what must not happen."""
        offer = fact or self.record.last_fact("offered")
        if offer is not None:
            self.until(lambda record: evidence.settled(record, offer), "settle")

    def two_polls(self, since: Fact) -> bool:
        """Wait for two polls after something; whether they came."""
        return self.until(lambda record: len(evidence.polls_after(record, since.at)) >= 2, "settle")

    def let_pass(self, seconds: float) -> None:
        """Let time pass in which nothing is expected, such as a part of a downtime."""
        self.recorder.until(lambda _: False, seconds)

    # --- answers that the WFM gives ---------------------------------------------------------------------------------

    def answer(
        self,
        operation: Any,
        status: int,
        *,
        times: int | None = 1,
        headers: Mapping[str, str] | None = None,
        problem: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Fact:
        """Have the WFM answer an operation with an error, so many times (None: until `recover`)."""
        label = f"answers {status}"
        document = {"type": "about:blank", "title": "Not now", "status": status, **(problem or {})}
        lines = {"Content-Type": PROBLEM_MEDIA_TYPE, **(headers or {})}
        action = Answer(status=status, headers=lines, body=json.dumps(document).encode())
        rule = FaultRule(action=action, match=operation, params=dict(params or {}), times=times, name=label)
        fact = self.note("answering", operation=operation, status=status, headers=dict(headers or {}), problem=document)
        self.loop.run(self.world.disturb(rule))
        return fact

    def disturb(self, label: str, *rules: FaultRule) -> Fact:
        """Apply fault rules under a label."""
        fact = self.note("disturbed", label=label)
        self.loop.run(self.world.disturb(*(rule.model_copy(update={"name": label}) for rule in rules)))
        return fact

    def recover(self) -> Fact:
        """Have the WFM answer as it should again."""
        self.loop.run(self.world.undisturb())
        return self.note("recovered")

    def retire(self, *, retired: bool = True) -> Fact:
        """End the relationship with the device's client, or take it up again."""
        fact = self.note("retired" if retired else "reinstated")
        self.loop.run(self.world.retire(retired))
        return fact

    # --- the network and who the WFM is -----------------------------------------------------------------------------

    def cut(self) -> Fact:
        """Cut the network between the two."""
        fact = self.note("network-cut")
        self.loop.run(self.world.link.cut())
        return fact

    def restore(self) -> Fact:
        """Restore the network."""
        fact = self.note("network-restored")
        self.loop.run(self.world.link.restore())
        return fact

    def stop_wfm(self) -> Fact:
        """Have the WFM go away."""
        fact = self.note("wfm-stopped")
        self.loop.run(self.world.stop_wfm())
        return fact

    def start_wfm(self) -> Fact:
        """Have the WFM come back."""
        fact = self.note("wfm-started")
        self.loop.run(self.world.start_wfm())
        return fact

    def present(self, name: str) -> Fact:
        """Have the WFM present a credential, by the name of its defect or `good`; every connection begins anew."""
        clause = self.loop.run(self.world.present(name))
        return self.note("presented", credential=name, clause=clause)

    # --- what is done to the device ---------------------------------------------------------------------------------

    def reboot(self) -> Fact:
        """Reboot the device."""
        fact = self.note("rebooted")
        self.loop.run(self.seat.reboot())
        return fact

    def power_cut(self, at: str) -> Callable[[], Fact]:
        """Cut the device's power when it comes to a named point; call what is given to have it powered up again."""
        self.note("power-cut", point=at)
        finish = self.seat.power_cut(at, self.loop)

        def powered() -> Fact:
            finish()
            return self.note("powered-up", point=at)

        return powered

    def factory_reset(self) -> Fact:
        """Reset the device to what it was when it left the factory."""
        fact = self.note("factory-reset")
        self.loop.run(self.seat.factory_reset())
        return fact

    def configure(self, **settings: Any) -> Fact:
        """Configure the device anew, as its user would."""
        fact = self.note("configured", **settings)
        self.loop.run(self.seat.configure(settings))
        return fact

    def tamper(self, what: str, deployment_id: str = "", component: str = "") -> Fact:
        """Change something behind the device's back."""
        fact = self.note("tampered", what=what, deploymentId=deployment_id, component=component)
        self.loop.run(self.seat.tamper(what, deployment_id, component))
        return fact

    def script(self, role: str, behaviour: str, *, component: int = -1, seconds: float = 0.0) -> str:
        """Have one component of an application behave in a way when it is next installed; gives its name."""
        name = self.make(role).components[component]
        about = {"deploymentId": self.deployment_id(role), "component": name, "behaviour": behaviour}
        self.note("component-script", **about, seconds=seconds)
        self.loop.run(self.seat.script(self.deployment_id(role), name, behaviour))
        return name

    def look(self, *, for_role: str = "") -> None:
        """Record what really runs on the device, where the seat can tell; with a role, once that runs if it does."""
        name = self.deployment_id(for_role) if for_role else ""

        def there(_: Record) -> bool:
            running = self.loop.run(self.seat.workloads())
            return running is None or name in running

        if for_role:
            self.until(there, "apply")
        running = self.loop.run(self.seat.workloads())
        if running is not None:
            self.note("workloads", running=running)
