"""What the WFM on a device's bench publishes: releases of applications, and states that are wrong on purpose."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.bench.device_components import standing
from conformance.bench.device_deployments import Deployment, Variation, deployment_of, profile_for, revised
from conformance.bench.device_offers import DEFECTS, Draft, draft_of
from conformance.bench.device_reports import id_of
from conformance.bench.device_rig import DeviceRig
from conformance.bench.device_world import CLIENT_ID
from conformance.bench.errors import Blocked
from conformance.checks.device import evidence
from conformance.record.events import Fact
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import parse_yaml

PLAIN = Variation()


class PublishingBench(DeviceRig):
    """The rig with a WFM that publishes."""

    def open(self) -> None:
        """Open the counterpart, with what holds the components of the suite's own applications."""
        super().open()
        self.shelf = standing(self)

    # --- what the WFM publishes -------------------------------------------------------------------------------------

    def make(self, role: str, release: int = 1, variation: Variation = PLAIN, target: str | None = None) -> Deployment:
        """Make a deployment of an application for this device, without publishing it. Raises Blocked."""
        role = self.role_of(role)
        if role not in self.apps:
            raise Blocked(f"there is no {role} application")
        variation = replace(variation, envelope=self.world.envelope)
        wanted = target or id_of(self.host, self.seat.memory.get("host", CLIENT_ID))
        made = self.apps[role].release(release)
        source = self.components or (self.shelf if self.apps[role].shipped else None)
        if source is not None:
            variation = replace(variation, registry=source.address)
            types = (variation.kind or "",) if variation.forced else self.types
            source.hold(role, made, revised(profile_for(made, types, variation.kind), variation))
        return deployment_of(made, self.deployment_id(role), wanted, self.types, variation)

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
        document = parse_yaml(made.data, "deployment")
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
        right = draft_of(version or self.world.version + 1, documents, changed, self.world.root)
        draft = DEFECTS[defect](right) if defect in DEFECTS else right
        return self._serve(defect, draft, intruders=[made[extra].deployment_id] if extra else [])

    def offer_without(self, defect: str, role: str, version: int) -> Fact:
        """Serve a desired state of a given version in which an application is missing, until `end_offer`."""
        documents = dict(self.world.documents)
        gone = self.deployment_id(role)
        del documents[gone]
        draft = draft_of(version, documents, next(iter(documents)), self.world.root)
        return self._serve(defect, draft, dropped=[gone])

    def _serve(self, defect: str, draft: Draft, **more: Any) -> Fact:
        label = f"offer {len(self.record.facts_of('offered')) + 1}: {defect}"
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

    def window(self, seconds: float) -> float:
        """Give how long a time lasts with this device that a scenario sets for it: a real one takes longer."""
        return seconds * self.deadlines["window"]

    def let_pass(self, seconds: float) -> None:
        """Let time pass in which nothing is expected, such as a part of a downtime."""
        self.recorder.until(lambda _: False, seconds)
