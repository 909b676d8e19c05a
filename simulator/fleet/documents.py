"""The real documents of a simulated fleet: each made once and shared by all devices of a cohort.

Devices of a cohort have the same id in their documents; the WFM tells them apart by their connections.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from uuid import NAMESPACE_URL, uuid5

from simulator.device.agent import Agent
from simulator.device.durable import Durable, PartRecord, WorkRecord
from simulator.device.facts import DeviceFacts, default_capabilities
from simulator.device.revisions import Revision, revision_of
from simulator.device.settings import AgentSettings, DailyWindow
from simulator.fleet import model
from simulator.fleet.description import Application, Cohort, Fleet
from simulator.protocol.bundle import make_bundle
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import canonical_json, dump_yaml
from simulator.protocol.manifest import (
    BUNDLE_MEDIA_TYPE,
    MANIFEST_MEDIA_TYPE,
    BundleRef,
    DeploymentRef,
    StateManifest,
    bundle_url,
    deployment_url,
)
from simulator.protocol.problem import PROBLEM_MEDIA_TYPE, Problem, ProblemType
from simulator.protocol.status import State

DEPLOYMENT_ID = str(uuid5(NAMESPACE_URL, "margo-conformance:fleet"))
COMPONENT = "main"
STATES = {
    State.PENDING: model.PENDING,
    State.INSTALLING: model.INSTALLING,
    State.INSTALLED: model.INSTALLED,
    State.FAILED: model.FAILING,
}


@dataclass(frozen=True)
class Answered:
    """An answer as often as it is given."""

    status: int
    headers: Mapping[str, str]
    body: bytes = b""


NOT_MODIFIED = Answered(304, {})
CREATED = Answered(201, {})


class CohortDocuments:
    """What devices of one cohort are told and hold. Revisions and codes of desired states are the plan's."""

    def __init__(self, cohort: Cohort, application: Application, first_revision: int) -> None:
        kind = cohort.profile.runtimes[0] if cohort.profile.runtimes else "helm"
        self.facts = DeviceFacts(default_capabilities(cohort.name, deployment_types=(kind,)))
        self.settings = _settings(cohort)
        self.yamls = {
            first_revision + n: _deployment(cohort.name, application.name, kind, n, revision.timeout)
            for n, revision in enumerate(application.revisions)
        }
        self.by_digest = {digest_of(data): revision for revision, data in self.yamls.items()}
        self._bundles = {revision: make_bundle({DEPLOYMENT_ID: data}) for revision, data in self.yamls.items()}
        self._artefacts = {
            bundle_url(digest_of(data)): (revision, Answered(200, {"content-type": BUNDLE_MEDIA_TYPE}, data))
            for revision, data in self._bundles.items()
        }
        self._manifests: dict[int, Answered] = {}
        self.start = self._first_state(first_revision)

    def revision(self, revision: int) -> Revision:
        """A revision as the agent reads it."""
        return revision_of(self.yamls[revision])

    def fingerprint(self, revision: int) -> str:
        """What an installed component of a revision is made of."""
        return self.revision(revision).fingerprints[COMPONENT]

    def artefact(self, target: str) -> tuple[int, Answered]:
        """What is served at a manifest's URL, and of which revision it is."""
        return self._artefacts[target]

    def manifest(self, code: int, revision: int) -> Answered:
        """The manifest of a desired state."""
        known = self._manifests.get(code)
        if known is None:
            manifest = self._manifest(code, revision)
            headers = {"content-type": MANIFEST_MEDIA_TYPE, "etag": manifest.entity_tag}
            known = self._manifests[code] = Answered(200, headers, manifest.to_bytes())
        return known

    def _manifest(self, code: int, revision: int) -> StateManifest:
        bundle, data = self._bundles[revision], self.yamls[revision]
        digest, whole = digest_of(data), digest_of(bundle)
        return StateManifest(
            manifest_version=code + 1,
            bundle=BundleRef(media_type=BUNDLE_MEDIA_TYPE, digest=whole, url=bundle_url(whole)),
            deployments=(
                DeploymentRef(deployment_id=DEPLOYMENT_ID, digest=digest, url=deployment_url(DEPLOYMENT_ID, digest)),
            ),
        )

    def _first_state(self, revision: int) -> Durable:
        """What a device has stored that runs the first revision and has reported it."""
        manifest = self.manifest(0, revision)
        data = self.yamls[revision]
        tag = manifest.headers["etag"]
        work = WorkRecord(
            deployment_id=DEPLOYMENT_ID,
            goal=data,
            held=data,
            version=1,
            held_version=1,
            device_id=self.facts.device_id,
            removing=False,
            settled=True,
            kept_old=False,
            parts=(PartRecord(COMPONENT, State.INSTALLED.value),),
            fault=None,
            reported="",
        )
        state = Durable(1, digest_of(manifest.body), tag, tag, reconciled=True, works=(work,))
        agent = Agent(self.settings, self.facts, state)
        reported = canonical_json(agent.report_document(agent.works[DEPLOYMENT_ID])).decode()
        return replace(state, works=(replace(work, reported=reported),))


def documents_of(fleet: Fleet) -> list[CohortDocuments]:
    """The documents of each cohort."""
    first: dict[str, int] = {}
    count = 0
    for application in fleet.applications:
        first[application.name] = count
        count += len(application.revisions)
    applications = {application.name: application for application in fleet.applications}
    return [CohortDocuments(c, applications[c.application], first[c.application]) for c in fleet.cohorts]


def overloaded(status: int, retry_after: int) -> Answered:
    """The answer of a WFM under load (RTY-001..RTY-005)."""
    problem = Problem.of(ProblemType.BLANK, "the WFM is overloaded", status=status, retry_after_s=retry_after or None)
    headers = {"content-type": PROBLEM_MEDIA_TYPE} | ({"retry-after": str(retry_after)} if retry_after else {})
    return Answered(status, headers, problem.to_bytes())


def _deployment(device: str, application: str, kind: str, number: int, timeout: int) -> bytes:
    properties = {
        "repository": f"oci://registry.invalid/{application}",
        "revision": f"1.0.{number}",
        "timeout": f"{timeout // 60}m{timeout % 60}s",
    }
    components = [{"name": COMPONENT, "properties": properties}]
    name = application.replace(".", "-")
    return dump_yaml(
        {
            "id": DEPLOYMENT_ID,
            "metadata": {"name": name, "namespace": "fleet", "deviceId": device},
            "spec": {"applicationId": name, "deploymentProfile": {"type": kind, "components": components}},
        }
    )


def _settings(cohort: Cohort) -> AgentSettings:
    polling, retries, installs = cohort.polling, cohort.retries, cohort.installs
    return AgentSettings(
        poll_interval_s=polling.period,
        poll_jitter=polling.jitter,
        start_spread_s=polling.boot_spread,
        retry_base_s=retries.base,
        retry_cap_s=retries.limit,
        retry_attempts=retries.artefact,
        retry_jitter=retries.jitter,
        install_retry_s=installs.wait,
        install_retry_cap_s=installs.limit,
        install_attempts=installs.tries or 0,
        drift_interval_s=0.0,
        polling_hours=tuple(DailyWindow(start, end) for start, end in polling.hours),
        outbox_limit=model.OUTBOX,
    )
