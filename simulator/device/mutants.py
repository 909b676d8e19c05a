"""Deliberately broken devices: each is the reference device with one defect, named after it.

A suite that lets one of them pass does not test the requirement that it breaks.
"""

from collections.abc import Mapping
from dataclasses import replace

from simulator.device.config import DeviceConfig
from simulator.device.mutant import Mutant, with_agent
from simulator.device.mutants_behaviours import AGENTS, UNDECLARED, impatient
from simulator.device.mutants_components import COMPONENT_MUTANTS
from simulator.device.mutants_documents import DOCUMENT_MUTANTS
from simulator.device.mutants_gateways import GATEWAY_MUTANTS
from simulator.device.mutants_identity import IDENTITY_MUTANTS
from simulator.device.mutants_pace import PACE_MUTANTS
from simulator.device.mutants_services import SERVICE_MUTANTS
from simulator.device.mutants_sessions import SESSION_MUTANTS
from simulator.device.mutants_signed import SIGNED_MUTANTS
from simulator.device.mutants_states import STATE_MUTANTS
from simulator.device.mutants_strict import STRICT_MUTANTS
from simulator.device.mutants_telemetry import TELEMETRY_MUTANTS
from simulator.device.mutants_trust import TRUST_MUTANTS
from simulator.device.mutated_agents import (
    AcceptsEqualVersion,
    AcceptsOlderVersion,
    AcceptsUnknownDigestAlgorithm,
    BeginsAllAtOnce,
    BlamesTheDevice,
    ChildBeforeGateway,
    DeletesOn404,
    FallsBackAfterBadBundle,
    FetchesProblemType,
    ForgetsEtagOnReboot,
    ForgetsVersionOnReboot,
    HidesFailedComponents,
    IgnoresEligibility,
    IgnoresRetryAfter,
    InstallsAnythingForAnyone,
    KeepsChildrenThatAreGone,
    KeepsRemovedWorkload,
    KeepsSilentAboutNewFacts,
    LearnsTheOrder,
    MarksAllComponentsFailed,
    NeverSendsIfNoneMatch,
    NeverTimesOut,
    OmitsChildDevice,
    PollsBeforeCapabilities,
    ReportsFetchedVersion,
    ReportsInstalledAtOnce,
    ReportsRemovedAtOnce,
    RetriesNonRetryable,
    RewritesArtefacts,
    SendsReportsNewestFirst,
    SilentOnFailure,
    SilentOnRemoval,
    SkipsDigestCheck,
    UsesStatusForType,
    WantsEveryVersion,
    WrongAggregation,
)


def _any_wfm(config: DeviceConfig) -> DeviceConfig:
    return replace(config, check_wfm=False)


_ALL = (
    Mutant(
        "accepts-equal-version", "DS-069", "adopts a manifest of the version it has", with_agent(AcceptsEqualVersion)
    ),
    Mutant(
        "accepts-older-version",
        "DS-069",
        "adopts a manifest older than the one it has",
        with_agent(AcceptsOlderVersion),
    ),
    Mutant("wants-every-version", "DS-069", "takes no version but the next one", with_agent(WantsEveryVersion)),
    Mutant("skips-digest-check", "DS-029", "uses artefacts without looking at digests", with_agent(SkipsDigestCheck)),
    Mutant(
        "falls-back-after-bad-bundle",
        "DS-054",
        "fetches deployments one by one when the bundle's digest is wrong",
        with_agent(FallsBackAfterBadBundle),
    ),
    Mutant(
        "deletes-on-404", "DS-038", "removes a deployment whose YAML is answered with 404", with_agent(DeletesOn404)
    ),
    Mutant("ignores-retry-after", "RTY-007", "tries again before Retry-After is over", with_agent(IgnoresRetryAfter)),
    Mutant(
        "marks-all-components-failed",
        "ST-009",
        "reports every component failed when one is",
        with_agent(MarksAllComponentsFailed),
    ),
    Mutant(
        "wrong-aggregation", "ST-008", "reports the least severe state as the overall one", with_agent(WrongAggregation)
    ),
    Mutant(
        "hides-failed-components",
        "ST-011",
        "leaves failed components out of the report",
        with_agent(HidesFailedComponents),
    ),
    Mutant(
        "forgets-version-on-reboot",
        "DS-031",
        "does not know after a reboot which manifest version it had",
        with_agent(ForgetsVersionOnReboot),
        needs="reboot",
    ),
    Mutant(
        "forgets-etag-on-reboot",
        "DS-075",
        "polls without its stored ETag after a reboot",
        with_agent(ForgetsEtagOnReboot),
        needs="reboot",
    ),
    Mutant(
        "polls-before-capabilities", "DC-002", "polls before it reported itself", with_agent(PollsBeforeCapabilities)
    ),
    Mutant(
        "silent-about-new-facts",
        "DC-004",
        "does not report changed capabilities",
        with_agent(KeepsSilentAboutNewFacts),
        needs="configure",
    ),
    Mutant(
        "accepts-unknown-digest-algorithm",
        "DS-055",
        "adopts a manifest with digests of an algorithm it cannot verify",
        with_agent(AcceptsUnknownDigestAlgorithm),
    ),
    Mutant("never-sends-if-none-match", "DS-068", "polls without the ETag it has", with_agent(NeverSendsIfNoneMatch)),
    Mutant("accepts-any-wfm", "ID-52", "talks to whoever has an SVID of its trust domain", _any_wfm),
    Mutant(
        "reports-fetched-version",
        "ST-022",
        "reports the version of a manifest that it only fetched",
        with_agent(ReportsFetchedVersion),
    ),
    Mutant(
        "ignores-eligibility", "AD-024", "installs whatever the eligibility rules say", with_agent(IgnoresEligibility)
    ),
    Mutant(
        "installs-for-other-devices",
        "DS-076",
        "installs deployments that are for other devices",
        with_agent(InstallsAnythingForAnyone),
    ),
    Mutant(
        "child-before-gateway",
        "DC-033",
        "reports the devices behind a gateway before the gateway",
        with_agent(ChildBeforeGateway),
        needs="gateway",
    ),
    Mutant(
        "learns-the-order",
        "DC-033",
        "reports a device before its gateway until the WFM refuses that",
        with_agent(LearnsTheOrder),
        needs="gateway",
    ),
    Mutant(
        "keeps-gone-children",
        "DC-036",
        "does not withdraw a device that is gone",
        with_agent(KeepsChildrenThatAreGone),
        needs="gateway",
    ),
    Mutant(
        "omits-child-device",
        "ST-006",
        "leaves deviceId out of reports for a device behind it",
        with_agent(OmitsChildDevice),
        needs="gateway",
    ),
    Mutant(
        "reports-removed-at-once", "DS-074", "reports removed without removing first", with_agent(ReportsRemovedAtOnce)
    ),
    Mutant(
        "keeps-removed-workload",
        "DS-073",
        "reports removed and lets the workload run",
        with_agent(KeepsRemovedWorkload),
    ),
    Mutant("silent-on-removal", "DS-002", "removes without a word", with_agent(SilentOnRemoval)),
    Mutant("silent-on-failure", "DS-002", "does not report failures", with_agent(SilentOnFailure)),
    Mutant("blames-the-device", "ST-014", "names the device as the source of every error", with_agent(BlamesTheDevice)),
    Mutant("fetches-problem-type", "PT-011", "fetches the type of a problem", with_agent(FetchesProblemType)),
    Mutant("retries-non-retryable", "RTY-008", "tries again what it must not", with_agent(RetriesNonRetryable)),
    Mutant(
        "acts-on-status-not-type",
        "ERR-009",
        "tries 5xx answers again whatever the problem document says",
        with_agent(UsesStatusForType),
    ),
    Mutant("begins-all-at-once", "AD-020", "does not wait for a component with wait true", with_agent(BeginsAllAtOnce)),
    Mutant("never-times-out", "AD-021", "lets an installation take longer than its timeout", with_agent(NeverTimesOut)),
    Mutant(
        "reports-installed-at-once",
        "ST-021",
        "reports installed before anything runs",
        with_agent(ReportsInstalledAtOnce),
    ),
    Mutant("hashes-rewritten-artefacts", "DS-051", "normalises newlines before hashing", with_agent(RewritesArtefacts)),
    Mutant(
        "reports-out-of-order",
        "ST-001",
        "delivers held-back reports newest first",
        with_agent(SendsReportsNewestFirst),
        needs="network",
    ),
)

_BEHAVIOURS = (
    *(Mutant(item.name, item.breaks, item.description, item.change, item.needs) for item in UNDECLARED),
    *(Mutant(name, breaks, told, with_agent(agent), needs) for name, breaks, told, agent, needs in AGENTS),
    Mutant("impatient", "NW-04", "gives a request less time than a narrow link needs", impatient, "network"),
)

MUTANTS: Mapping[str, Mutant] = {
    mutant.name: mutant
    for mutant in (
        *_ALL,
        *_BEHAVIOURS,
        *COMPONENT_MUTANTS,
        *TELEMETRY_MUTANTS,
        *TRUST_MUTANTS,
        *SESSION_MUTANTS,
        *DOCUMENT_MUTANTS,
        *GATEWAY_MUTANTS,
        *STRICT_MUTANTS,
        *IDENTITY_MUTANTS,
        *SERVICE_MUTANTS,
        *PACE_MUTANTS,
        *STATE_MUTANTS,
        *SIGNED_MUTANTS,
    )
}
"""Every broken device by its name."""
