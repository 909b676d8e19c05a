"""The documents that a simulated fleet's WFM serves, and the devices' facts: shared by all devices of a cohort.

The device id inside a document is the cohort's name; in simulation a client is told by its number, so that a million
devices read a handful of documents.
"""

from dataclasses import dataclass, field

from simulator.device.facts import DeviceFacts, default_capabilities
from simulator.fleet.plan import Plan
from simulator.protocol.bundle import make_bundle
from simulator.protocol.capabilities import DeviceCapabilities
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import dump_yaml
from simulator.protocol.manifest import (
    BUNDLE_MEDIA_TYPE,
    BundleRef,
    DeploymentRef,
    StateManifest,
    bundle_url,
    deployment_url,
)

DEPLOYMENT = "00000000-0000-4000-8000-00000000f1ee"


@dataclass
class Library:
    """Documents by cohort and manifest, made when they are first asked for."""

    plan: Plan
    _made: dict[tuple[int, int], tuple[bytes, str, bytes]] = field(default_factory=dict)

    def of(self, cohort: int, manifest: int) -> tuple[bytes, str, bytes]:
        """A manifest's bytes, its entity tag and its bundle."""
        key = (cohort, manifest)
        if key not in self._made:
            self._made[key] = self._make(cohort, manifest)
        return self._made[key]

    def _make(self, cohort: int, manifest: int) -> tuple[bytes, str, bytes]:
        numbers = self.plan.numbers
        yaml = self._deployment(cohort, int(numbers.contents[manifest]))
        bundle = make_bundle({DEPLOYMENT: yaml})
        digest, own = digest_of(bundle), digest_of(yaml)
        document = StateManifest(
            manifest_version=int(numbers.versions[manifest]),
            bundle=BundleRef(media_type=BUNDLE_MEDIA_TYPE, digest=digest, url=bundle_url(digest)),
            deployments=(DeploymentRef(deployment_id=DEPLOYMENT, digest=own, url=deployment_url(DEPLOYMENT, own)),),
        )
        return document.to_bytes(), document.entity_tag, bundle

    def _deployment(self, cohort: int, content: int) -> bytes:
        numbers = self.plan.numbers
        profile: dict[str, object] = {
            "type": "helm",
            "components": [
                {
                    "name": name,
                    "properties": {
                        "repository": "oci://registry.example/app",
                        "revision": f"1.0.{content}",
                        "wait": True,
                        "timeout": f"{int(numbers.limits[content, part])}s",
                    },
                }
                for part, name in enumerate(self.plan.component_names[content])
            ],
        }
        if numbers.needs[content] > 0:
            profile["deviceConstraints"] = {
                "capacityRequirements": {"memory": f"{int(numbers.needs[content]) // 1024}Gi"}
            }
        return dump_yaml(
            {
                "apiVersion": "application.margo.org/v1alpha1",
                "kind": "ApplicationDeployment",
                "id": DEPLOYMENT,
                "metadata": {"name": "app", "namespace": "fleet", "deviceId": self.plan.cohort_names[cohort]},
                "spec": {"applicationId": "com-example-app", "deploymentProfile": profile},
            }
        )


def facts_of(plan: Plan, cohort: int, memory_mib: float) -> DeviceFacts:
    """What a device of a cohort reports."""
    wire = default_capabilities(plan.cohort_names[cohort]).to_wire()
    wire["properties"]["memory"] = f"{int(memory_mib) // 1024}Gi"
    return DeviceFacts(DeviceCapabilities.from_wire(wire))
