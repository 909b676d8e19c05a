"""The agents of deliberately broken devices: each overrides as little as its one defect takes."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from simulator.device.agent import Agent
from simulator.device.core import Talk
from simulator.device.desired_state import Offer
from simulator.device.durable import Durable, Fault, Report
from simulator.device.events import Answer, RequestFailed
from simulator.device.facts import DeviceFacts
from simulator.device.placement import Place
from simulator.device.retry import Advice
from simulator.device.revisions import Revision, manifest_of
from simulator.device.status import STATUS
from simulator.device.work import Part, Work
from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.deployment import Component
from simulator.protocol.digest import matches
from simulator.protocol.documents import DocumentError, parse_json
from simulator.protocol.manifest import DeploymentRef, StateManifest
from simulator.protocol.problem import TRANSIENT, Problem
from simulator.protocol.status import SEVERITY, State


class AcceptsEqualVersion(Agent):
    """Takes a manifest of the version it has."""

    def is_newer(self, version: int) -> bool:
        """Equal will do."""
        return version >= self.version


class AcceptsOlderVersion(Agent):
    """Takes older manifests."""

    def is_newer(self, version: int) -> bool:
        """Anything but the same."""
        return version != self.version


class WantsEveryVersion(Agent):
    """Takes the next version only, and none that is further on."""

    def is_newer(self, version: int) -> bool:
        """One more, but for the first."""
        return version == self.version + 1 or (not self.version and version > 0)


class SkipsDigestCheck(Agent):
    """Believes every artefact."""

    def digest_is(self, data: bytes, digest: str) -> bool:
        """Always."""
        del data, digest
        return True

    def member_for(self, ref: DeploymentRef, by_digest: dict[str, bytes], members: list[bytes]) -> bytes | None:
        """By place in the bundle, when the digest does not lead anywhere."""
        refs = self.offer.manifest.deployments if self.offer else ()
        ordered = sorted(item.deployment_id for item in refs)
        position = ordered.index(ref.deployment_id)
        return by_digest.get(ref.digest) or (members[position] if position < len(members) else None)


class FallsBackAfterBadBundle(Agent):
    """Goes on one by one when the bundle is bad."""

    def after_bad_bundle(self, offer: Offer, reason: str) -> None:
        """Try the other way."""
        self.log("info", reason)
        offer.yamls.clear()
        self.retrieve_individually(offer)

    def fetch_again(self) -> None:
        """Stay with the other way."""
        if self.offer is not None and self.offer.missing:
            self.fetch_next(self.offer)
        else:
            super().fetch_again()


class DeletesOn404(Agent):
    """Takes a missing artefact as an order to remove."""

    def artefact_missing(self) -> None:
        """Remove what could not be fetched."""
        offer = self.offer
        refs = offer.missing[:1] or list(offer.manifest.deployments) if offer else []
        self.abort("an artefact is not there")
        for ref in refs:
            work = self.works.get(ref.deployment_id)
            if work is not None:
                self.begin_removal(work)


class IgnoresRetryAfter(Agent):
    """Does not wait as told."""

    def floor_of(self, advice: Advice) -> float:
        """Nothing has to pass."""
        del advice
        return 0.0


class MarksAllComponentsFailed(Agent):
    """Reports all components failed when one is."""

    def reported_parts(self, work: Work) -> dict[str, Part]:
        """One for all."""
        failed = next((part for part in work.parts.values() if part.state is State.FAILED), None)
        return dict.fromkeys(work.parts, failed) if failed else work.parts


class WrongAggregation(Agent):
    """Reports the least severe state."""

    def overall_state(self, states: Iterable[State]) -> State:
        """The wrong end of the list."""
        present = set(states)
        return next(state for state in reversed(SEVERITY) if state in present)


class HidesFailedComponents(Agent):
    """Leaves failed components out."""

    def report_document(self, work: Work) -> dict[str, Any]:
        """Drop what failed, unless nothing else is there."""
        document = super().report_document(work)
        left = [entry for entry in document["components"] if entry["state"] != State.FAILED]
        return document | {"components": left or document["components"][:1]}


class ForgetsVersionOnReboot(Agent):
    """Loses version and ETag when it restarts."""

    def restore(self, durable: Durable) -> None:
        """Restore everything else."""
        super().restore(replace(durable, version=0, manifest_digest="", etag=None, accepted_etag=None))


class ForgetsEtagOnReboot(Agent):
    """Loses the ETag when it restarts."""

    def restore(self, durable: Durable) -> None:
        """Restore everything else."""
        super().restore(replace(durable, etag=None))


class PollsBeforeCapabilities(Agent):
    """Polls first."""

    def begin_talking(self) -> None:
        """The wrong order."""
        self.poll()
        super().begin_talking()


class KeepsSilentAboutNewFacts(Agent):
    """Reports itself only when it starts."""

    def on_capabilities_changed(self, facts: DeviceFacts) -> None:
        """Know, and say nothing."""
        self.facts = facts
        self.reconsider_refused()


class AcceptsUnknownDigestAlgorithm(Agent):
    """Takes digests that it cannot verify."""

    def read_manifest(self, data: bytes) -> StateManifest:
        """Read without a look at digests."""
        try:
            return manifest_of(data)
        except DocumentError:
            return StateManifest.from_wire(parse_json(data, "state manifest"))

    def digest_is(self, data: bytes, digest: str) -> bool:
        """Verify only what can be verified."""
        return matches(data, digest) or not digest.startswith("sha256:")

    def member_for(self, ref: DeploymentRef, by_digest: dict[str, bytes], members: list[bytes]) -> bytes | None:
        """By what the member says of itself, when its digest cannot be verified."""
        if ref.digest.startswith("sha256:"):
            return by_digest.get(ref.digest)
        return next((data for data in members if ref.deployment_id.encode() in data), None)


class NeverSendsIfNoneMatch(Agent):
    """Polls without its ETag."""

    def poll_headers(self) -> dict[str, str]:
        """Everything else."""
        return {name: value for name, value in super().poll_headers().items() if name != "If-None-Match"}


class ReportsFetchedVersion(Agent):
    """Reports the version it fetched last."""

    def reported_version(self, work: Work) -> int:
        """Fetched, not adopted."""
        return max(work.version, self.fetched_version)


class IgnoresEligibility(Agent):
    """Installs whatever the rules say."""

    def ineligible(self, revision: Revision, device: DeviceCapabilities) -> None:
        """Nothing is."""
        del revision, device


class InstallsAnythingForAnyone(Agent):
    """Installs what is for others."""

    def place_elsewhere(self, revision: Revision) -> Place:
        """Here, then."""
        return Place(self.facts.device_id, self.refusal(revision, self.facts.own))


class ChildBeforeGateway(Agent):
    """Reports children first."""

    def report_order(self, facts: DeviceFacts) -> list[DeviceCapabilities]:
        """The wrong way round."""
        return super().report_order(facts)[::-1]


class LearnsTheOrder(Agent):
    """Reports children first, and the gateway once the WFM did not know it."""

    refused = False

    def report_order(self, facts: DeviceFacts) -> list[DeviceCapabilities]:
        """The wrong way round at first."""
        return super().report_order(facts)[:: 1 if self.refused else -1]

    def distrust_announced(self) -> None:
        """Know better from the second time on."""
        self.refused = self.refused or bool(self.announcements)
        super().distrust_announced()


class KeepsChildrenThatAreGone(Agent):
    """Never withdraws a device."""

    def withdrawals(self, facts: DeviceFacts) -> list[str]:
        """None."""
        del facts
        return []


class OmitsChildDevice(Agent):
    """Reports for children in its own name."""

    def reported_device(self, work: Work) -> None:
        """Nobody."""
        del work


class ReportsRemovedAtOnce(Agent):
    """Says removed before it begins to remove."""

    def component_entry(self, name: str, part: Part) -> dict[str, Any]:
        """Leave `removing` out."""
        early = Part(State.REMOVED) if part.state is State.REMOVING else part
        return super().component_entry(name, early)


class KeepsRemovedWorkload(Agent):
    """Reports removed, and removes nothing."""

    def parts_seen(self, work: Work) -> list[str]:
        """Nothing is there to remove."""
        return [] if work.removing else super().parts_seen(work)

    def remove_orphans(self) -> None:
        """Nor afterwards."""


class SilentOnRemoval(Agent):
    """Removes without a report."""

    def worth_reporting(self, work: Work, state: State) -> bool:
        """Not this."""
        return not work.removing and super().worth_reporting(work, state)


class SilentOnFailure(Agent):
    """Does not report failures."""

    def worth_reporting(self, work: Work, state: State) -> bool:
        """Not this."""
        return state is not State.FAILED and super().worth_reporting(work, state)


class BlamesTheDevice(Agent):
    """Names itself as the source of every error."""

    def overall_fault(self, work: Work) -> Fault | None:
        """The same error, another source."""
        fault = super().overall_fault(work)
        return replace(fault, source=self.facts.device_id) if fault else None


class FetchesProblemType(Agent):
    """Fetches the type of a problem, here under the WFM's own address so that nothing leaves the bench."""

    def note_problem(self, status: int, advice: Advice) -> None:
        """Go and look."""
        super().note_problem(status, advice)
        if advice.problem is not None and advice.problem.type.startswith("https://"):
            path = "/" + advice.problem.type.split("/", 3)[3].partition("#")[0]
            self.send(Talk("curiosity"), "GET", path, self._read_type)

    def _read_type(self, answer: Answer) -> None:
        kind = answer.kind if isinstance(answer, RequestFailed) else answer.status
        self.log("info", f"problem type fetched: {kind}")


class RetriesNonRetryable(Agent):
    """Tries everything again."""

    def may_retry(self, advice: Advice) -> bool:
        """Why not."""
        del advice
        return True

    def wait_by_advice(self, talk: Talk, advice: Advice) -> float:
        """After a short time, always the same."""
        return min(super().wait_by_advice(talk, advice), self.settings.retry_base_s) + self.floor_of(advice)


class UsesStatusForType(Agent):
    """Decides on the status alone."""

    def may_retry(self, advice: Advice) -> bool:
        """What the document says does not count."""
        problem: Problem | None = advice.problem
        return advice.retryable or (problem is not None and problem.status in TRANSIENT)


class BeginsAllAtOnce(Agent):
    """Does not wait."""

    def waits_for(self, component: Component) -> bool:
        """Never."""
        del component
        return False


class NeverTimesOut(Agent):
    """Waits for ever."""

    def on_timeout(self, op: int) -> None:
        """What timeout."""
        del op


class ReportsInstalledAtOnce(Agent):
    """Says installed when it has only begun."""

    def component_entry(self, name: str, part: Part) -> dict[str, Any]:
        """Leave `installing` out."""
        early = Part(State.INSTALLED) if part.state is State.INSTALLING else part
        return super().component_entry(name, early)


class RewritesArtefacts(Agent):
    """Normalises text before it hashes."""

    def digest_is(self, data: bytes, digest: str) -> bool:
        """Over bytes that nobody sent, when they are text."""
        if data.startswith(b"\x1f\x8b"):
            return matches(data, digest)
        lines = data.replace(b"\r\n", b"\n").split(b"\n")
        return matches(b"\n".join(line.rstrip() for line in lines), digest)

    def member_for(self, ref: DeploymentRef, by_digest: dict[str, bytes], members: list[bytes]) -> bytes | None:
        """By the same digest."""
        del by_digest
        return next((data for data in members if self.digest_is(data, ref.digest)), None)


class SendsReportsNewestFirst(Agent):
    """Delivers what it held back in the wrong order."""

    def keep_latest(self) -> None:
        """Keep all of it."""

    def enqueue(self, report: Report) -> None:
        """To the front of what waits."""
        if self.talk(STATUS).waiting:
            self.outbox.insert(0, report)
        else:
            super().enqueue(report)
