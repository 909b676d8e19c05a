"""Fetching desired state: polls, validation, retrieval and adoption, all or nothing (DS-001, DS-029..DS-075)."""

from dataclasses import dataclass, field

from simulator.device.apply import Applying, was_refused
from simulator.device.events import Answer, RequestFailed, ResponseArrived, StopComponent
from simulator.device.revisions import Revision, manifest_of, members_of, revision_of
from simulator.device.settings import polling_wait, regular_distance
from simulator.device.work import Work
from simulator.protocol.deployment import DEPLOYMENT_MEDIA_TYPE
from simulator.protocol.digest import digest_of, matches
from simulator.protocol.documents import DocumentError
from simulator.protocol.manifest import BUNDLE_MEDIA_TYPE, MANIFEST_MEDIA_TYPE, BundleRef, DeploymentRef, StateManifest
from simulator.protocol.operations import manifest_path

POLL = "poll"
FETCH = "fetch"


class UpdateRefused(Exception):
    """The offered desired state may not be used; the message says why."""


@dataclass(slots=True)
class Offer:
    """A manifest that is newer than ours, while what it names is fetched; `yamls` are verified, by digest."""

    manifest: StateManifest
    digest: str
    etag: str | None
    yamls: dict[str, bytes] = field(default_factory=dict)
    missing: list[DeploymentRef] = field(default_factory=list)


class DesiredState(Applying):
    """Polls for manifests and adopts what they name."""

    offer: Offer | None = None
    fetched_version = 0
    """The version of the newest manifest that was taken, adopted or not."""

    # --- polling -----------------------------------------------------------------------------------

    def schedule_poll(self, delay_s: float) -> None:
        """Poll after a time, within the hours of polling and not before what the server named (DT-004, RTY-007)."""
        poll, fetch = self.talk(POLL), self.talk(FETCH)
        delay = max(delay_s, poll.not_before - self.now, fetch.not_before - self.now)
        self.set_timer(POLL, delay + polling_wait(self.settings.polling_hours, self.now + delay))

    def next_regular_poll(self) -> None:
        """Poll at the regular distance; longer while artefacts cannot be had (DS-001, DT-005)."""
        self.schedule_poll(max(self.regular_distance(), self.talk(FETCH).attempts.last_delay_s))

    def regular_distance(self) -> float:
        """Seconds from an answer to the next poll."""
        return regular_distance(self.settings, self.random() if self.settings.poll_jitter else 0.0)

    def rests(self) -> bool:
        """Whether nothing but regular polls is ahead: nothing is fetched, tried again, restricted or awaited."""
        settings, poll, fetch = self.settings, self.talk(POLL), self.talk(FETCH)
        return (
            self.offer is None
            and self.reconciled
            and not self.offline
            and not (poll.busy or poll.attempts.failures or fetch.attempts.last_delay_s)
            and max(poll.not_before, fetch.not_before) <= self.now
            and not (settings.polling_hours or settings.downtime)
        )

    def polled_unchanged(self, polls: int, answered: float) -> None:
        """So many polls of an agent that rests were answered 304, at the regular distance, the last one at a time.

        The same as TimerFired and ResponseArrived for each, for simulations, where nearly all that happens is this.
        Whoever counts them has drawn from `random` what the distances took, and has set the timer of the next poll.
        """
        self._next_request += polls
        self.now = self.last_contact = answered

    def poll(self) -> None:
        """Ask for the manifest, unless an update is being fetched."""
        talk = self.talk(POLL)
        if not talk.busy and self.offer is None:
            self.send(talk, "GET", manifest_path(), self.on_manifest, self.poll_headers())

    def poll_headers(self) -> dict[str, str]:
        """Ask for the manifest's media type, and only if it is another than the one we have (DS-003, DS-068)."""
        headers = {"Accept": MANIFEST_MEDIA_TYPE}
        if self.etag is not None:
            headers["If-None-Match"] = self.etag
        return headers

    def on_manifest(self, answer: Answer) -> None:
        """The answer to a poll."""
        talk = self.talk(POLL)
        if isinstance(answer, RequestFailed) or answer.status not in (200, 304):
            wait = self.wait_after(talk, answer)
            if isinstance(answer, RequestFailed):
                self.poll_failed()
            if wait is None:
                self.next_regular_poll()
            else:
                self.schedule_poll(wait)
            return
        talk.attempts.succeeded()
        self.wfm_answered()
        if answer.status == 200:
            self.take_manifest(answer)
        if self.offer is None:
            self.next_regular_poll()

    def poll_failed(self) -> None:
        """A poll got no answer."""

    def wfm_answered(self) -> None:
        """A poll got an answer: the WFM is there."""

    # --- validation --------------------------------------------------------------------------------

    def take_manifest(self, answer: ResponseArrived) -> None:
        """Validate a manifest and begin to fetch what it names, or refuse it."""
        try:
            self.check_media_type(answer, MANIFEST_MEDIA_TYPE)
            manifest = self.read_manifest(answer.body)
        except (DocumentError, UpdateRefused) as error:
            self.log("refused", f"state manifest refused: {error}")
            return
        digest = digest_of(answer.body)
        if not self.reconciled and digest == self.manifest_digest:
            return  # the manifest that is just being applied: nothing new
        if not self.is_newer(manifest.manifest_version):
            text = f"manifest version {manifest.manifest_version} refused: not greater than {self.version}"
            self.log("security", text)
            return
        self.fetched_version = manifest.manifest_version
        self.offer = Offer(manifest, digest, answer.headers.get("etag"))
        self.point("manifest-taken")
        self.retrieve(self.offer)

    def check_media_type(self, answer: ResponseArrived, expected: str) -> None:
        """Refuse an answer of another media type; raises UpdateRefused."""
        found = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
        if found != expected:
            raise UpdateRefused(f"expected Content-Type {expected}, found {found or 'none'}")

    def read_manifest(self, data: bytes) -> StateManifest:
        """Read a manifest; raises DocumentError for anything that is not right, foreign digests too (DS-055)."""
        return manifest_of(data)

    def is_newer(self, version: int) -> bool:
        """Whether a version may follow the one we have: strictly greater (DS-069)."""
        return version > self.version

    # --- retrieval ---------------------------------------------------------------------------------

    def retrieve(self, offer: Offer) -> None:
        """Fetch what a manifest names, as one bundle or one by one (DS-071)."""
        bundle = offer.manifest.bundle
        if bundle is not None and self.settings.retrieval == "bundle":
            self.fetch_bundle(bundle)
        else:
            self.retrieve_individually(offer)

    def retrieve_individually(self, offer: Offer) -> None:
        """Fetch the deployments whose content is not held yet."""
        held = self.held_yamls()
        for ref in offer.manifest.deployments:
            data = held.get(ref.digest)
            if data is not None and self.digest_is(data, ref.digest):
                offer.yamls[ref.digest] = data
            else:
                offer.missing.append(ref)
        self.fetch_next(offer)

    def held_yamls(self) -> dict[str, bytes]:
        """The content that is held already, by digest."""
        revisions = [r for work in self.works.values() for r in (work.goal, work.held) if r is not None]
        return {revision.digest: revision.yaml for revision in revisions}

    def fetch_bundle(self, ref: BundleRef) -> None:
        """Fetch the bundle at exactly the manifest's URL (DS-023)."""
        self.send(self.talk(FETCH), "GET", ref.url, self.on_bundle, {"Accept": BUNDLE_MEDIA_TYPE})

    def fetch_next(self, offer: Offer) -> None:
        """Fetch the next missing deployment at exactly the manifest's URL, or adopt when all are there (DS-027)."""
        if not offer.missing:
            self.complete(offer)
            return
        headers = {"Accept": DEPLOYMENT_MEDIA_TYPE}
        self.send(self.talk(FETCH), "GET", offer.missing[0].url, self.on_deployment, headers)

    def on_bundle(self, answer: Answer) -> None:
        """The bundle arrived, or it did not."""
        offer = self.offer
        data = self.artefact_of(answer)
        if offer is None or offer.manifest.bundle is None or data is None:
            return
        try:
            self.verify(data, offer.manifest.bundle.digest, "bundle")
            members = list(members_of(data))
        except (DocumentError, UpdateRefused) as error:
            self.after_bad_bundle(offer, str(error))
            return
        by_digest = {digest_of(data): data for data in members}
        for ref in offer.manifest.deployments:
            found = self.member_for(ref, by_digest, members)
            if found is None:
                self.after_bad_bundle(offer, f"deployment {ref.deployment_id}: no member with digest {ref.digest}")
                return
            offer.yamls[ref.digest] = found
        self.complete(offer)

    def member_for(self, ref: DeploymentRef, by_digest: dict[str, bytes], members: list[bytes]) -> bytes | None:
        """The bundle's member for a deployment: found by its digest, never by its name (DS-053, AMB-X-10)."""
        del members
        return by_digest.get(ref.digest)

    def on_deployment(self, answer: Answer) -> None:
        """A deployment arrived, or it did not."""
        offer = self.offer
        data = self.artefact_of(answer)
        if offer is None or data is None:
            return
        ref = offer.missing[0]
        try:
            self.verify(data, ref.digest, f"deployment {ref.deployment_id}")
        except UpdateRefused as error:
            self.abort(str(error), security=True)
            return
        offer.yamls[ref.digest] = data
        offer.missing.pop(0)
        self.fetch_next(offer)

    def artefact_of(self, answer: Answer) -> bytes | None:
        """The artefact that was fetched; without one another try is due, or the update is aborted."""
        talk = self.talk(FETCH)
        if isinstance(answer, ResponseArrived) and answer.status == 200:
            talk.attempts.succeeded()
            return answer.body
        wait = self.wait_after(talk, answer)
        if wait is not None and talk.attempts.failures < self.settings.retry_attempts:
            self.retry_in(talk, wait)
        elif isinstance(answer, ResponseArrived) and answer.status == 404:
            self.artefact_missing()
        else:
            self.abort("an artefact could not be fetched")
        return None

    def fetch_again(self) -> None:
        """Another try of the artefact that could not be fetched."""
        offer = self.offer
        if offer is None or self.talk(FETCH).busy:
            return
        if offer.missing or offer.manifest.bundle is None or self.settings.retrieval == "individual":
            self.fetch_next(offer)
        else:
            self.fetch_bundle(offer.manifest.bundle)

    def artefact_missing(self) -> None:
        """A 404 is never an order to delete: the update is aborted, all stays as it is (DS-038, DS-044, US-07)."""
        self.abort("an artefact is not there")

    def verify(self, data: bytes, digest: str, what: str) -> None:
        """Compare the digest over the exact bytes before anything else is done with them; raises UpdateRefused."""
        if not self.digest_is(data, digest):
            raise UpdateRefused(f"{what}: expected {digest}, found {digest_of(data)}")

    def digest_is(self, data: bytes, digest: str) -> bool:
        """Whether these exact bytes have this digest (DS-050, DS-053)."""
        return matches(data, digest)

    def after_bad_bundle(self, offer: Offer, reason: str) -> None:
        """A bundle that is not what the manifest says aborts the update; nothing else is tried (DS-054)."""
        del offer
        self.abort(reason, security=True)

    def abort(self, reason: str, *, security: bool = False) -> None:
        """Drop an update; the former state stays and the next poll tries anew (DS-030, DS-054, AMB-X-14)."""
        version = self.offer.manifest.manifest_version if self.offer else 0
        self.offer = None
        self.cancel_timer(FETCH)
        self.log("security" if security else "refused", f"update to manifest version {version} aborted: {reason}")
        self.next_regular_poll()

    # --- adoption ----------------------------------------------------------------------------------

    def complete(self, offer: Offer) -> None:
        """Everything is there and verified: read it all, then adopt it (MM-08: all or nothing)."""
        try:
            revisions = {
                ref.deployment_id: self.read_deployment(ref, offer.yamls[ref.digest])
                for ref in offer.manifest.deployments
            }
        except (DocumentError, UpdateRefused) as error:
            self.abort(str(error))
            return
        self.offer = None
        self.point("artefacts-fetched")
        self.adopt(offer, revisions)
        self.next_regular_poll()

    def read_deployment(self, ref: DeploymentRef, data: bytes) -> Revision:
        """Read a deployment's YAML; raises DocumentError, or UpdateRefused when it is another deployment's."""
        revision = revision_of(data)
        if revision.deployment_id != ref.deployment_id:
            raise UpdateRefused(f"deployment {ref.deployment_id}: its YAML has the id {revision.deployment_id}")
        return revision

    def adopt(self, offer: Offer, revisions: dict[str, Revision]) -> None:
        """Make a manifest the desired state; stored before anything of it is begun (DS-031, DS-072, DS-073)."""
        self.save_from_here()
        self.version = offer.manifest.manifest_version
        self.manifest_digest, self.accepted_etag = offer.digest, offer.etag
        self.reconciled = False
        leaving = [work for name, work in self.works.items() if name not in revisions]
        aimed = [self.aim(name, revision) for name, revision in revisions.items()]
        for work in leaving:
            work.version, work.settled = self.version, False
        for work in leaving:
            self.begin_removal(work)
        self.remove_orphans()
        for changed in aimed:
            if changed is not None:
                self.begin(changed)
        self.check_reconciled()

    def aim(self, deployment_id: str, revision: Revision) -> Work | None:
        """Set a deployment's goal; gives it when there is something to do for it."""
        work = self.works.get(deployment_id)
        if work is None:
            work = self.works[deployment_id] = Work(deployment_id, revision, self.version)
            return work
        if work.goal.digest == revision.digest and not work.removing:
            if not work.kept_old:
                work.version = self.version
                work.held_version = self.version if work.holds_goal else work.held_version
            if not work.reported:
                self.report(work)
            return None
        if work.removing:
            work.held = None
        work.goal, work.version, work.settled, work.retries = revision, self.version, False, 0
        return work

    def remove_orphans(self) -> None:
        """Remove what an agent had installed for deployments of which nothing is known any more (MM-06)."""
        for deployment_id in [name for name in self.seen if name not in self.works]:
            for component in self.seen.pop(deployment_id):
                self.log("info", f"{deployment_id}/{component} is of no known deployment: removed")
                self.next_op += 1
                self.emit(StopComponent(self.next_op, deployment_id, component))

    def reconsider_refused(self) -> None:
        """The device changed: what it could not take it may take now, and the other way round."""
        for work in list(self.works.values()):
            fault = None if work.removing else self.place(work.goal).fault
            if not work.removing and work.settled and (fault is not None) != was_refused(work):
                self.begin(work)
