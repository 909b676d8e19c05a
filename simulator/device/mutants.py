"""Deliberately broken devices: each is the reference device with one defect, named after it.

A suite that lets one of them pass does not test the requirement that it breaks.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from simulator.device.agent import Agent
from simulator.device.config import DeviceConfig
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
    WrongAggregation,
)

Change = Callable[[DeviceConfig], DeviceConfig]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A defect: the requirement it breaks, what it does, and the change that makes it.

    `needs`: what a scenario has to have for the defect to show, such as `gateway` or `reboot`; empty when any will do.
    """

    name: str
    breaks: str
    description: str
    change: Change
    needs: str = ""

    def apply(self, config: DeviceConfig) -> DeviceConfig:
        """The configuration of the broken device."""
        return self.change(config)


def _agent(agent_class: type[Agent]) -> Change:
    return lambda config: replace(config, agent_class=agent_class)


def _any_wfm(config: DeviceConfig) -> DeviceConfig:
    return replace(config, check_wfm=False)


_ALL = (
    Mutant("accepts-equal-version", "DS-069", "adopts a manifest of the version it has", _agent(AcceptsEqualVersion)),
    Mutant(
        "accepts-older-version", "DS-069", "adopts a manifest older than the one it has", _agent(AcceptsOlderVersion)
    ),
    Mutant("skips-digest-check", "DS-029", "uses artefacts without looking at digests", _agent(SkipsDigestCheck)),
    Mutant(
        "falls-back-after-bad-bundle",
        "DS-054",
        "fetches deployments one by one when the bundle's digest is wrong",
        _agent(FallsBackAfterBadBundle),
    ),
    Mutant("deletes-on-404", "DS-038", "removes a deployment whose YAML is answered with 404", _agent(DeletesOn404)),
    Mutant("ignores-retry-after", "RTY-007", "tries again before Retry-After is over", _agent(IgnoresRetryAfter)),
    Mutant(
        "marks-all-components-failed",
        "ST-009",
        "reports every component failed when one is",
        _agent(MarksAllComponentsFailed),
    ),
    Mutant(
        "wrong-aggregation", "ST-008", "reports the least severe state as the overall one", _agent(WrongAggregation)
    ),
    Mutant(
        "hides-failed-components",
        "ST-011",
        "leaves failed components out of the report",
        _agent(HidesFailedComponents),
    ),
    Mutant(
        "forgets-version-on-reboot",
        "DS-031",
        "does not know after a reboot which manifest version it had",
        _agent(ForgetsVersionOnReboot),
        needs="reboot",
    ),
    Mutant(
        "forgets-etag-on-reboot",
        "DS-075",
        "polls without its stored ETag after a reboot",
        _agent(ForgetsEtagOnReboot),
        needs="reboot",
    ),
    Mutant("polls-before-capabilities", "DC-002", "polls before it reported itself", _agent(PollsBeforeCapabilities)),
    Mutant(
        "silent-about-new-facts",
        "DC-004",
        "does not report changed capabilities",
        _agent(KeepsSilentAboutNewFacts),
        needs="configure",
    ),
    Mutant(
        "accepts-unknown-digest-algorithm",
        "DS-055",
        "adopts a manifest with digests of an algorithm it cannot verify",
        _agent(AcceptsUnknownDigestAlgorithm),
    ),
    Mutant("never-sends-if-none-match", "DS-068", "polls without the ETag it has", _agent(NeverSendsIfNoneMatch)),
    Mutant("accepts-any-wfm", "ID-52", "talks to whoever has an SVID of its trust domain", _any_wfm),
    Mutant(
        "reports-fetched-version",
        "ST-022",
        "reports the version of a manifest that it only fetched",
        _agent(ReportsFetchedVersion),
    ),
    Mutant("ignores-eligibility", "AD-024", "installs whatever the eligibility rules say", _agent(IgnoresEligibility)),
    Mutant(
        "installs-for-other-devices",
        "DS-076",
        "installs deployments that are for other devices",
        _agent(InstallsAnythingForAnyone),
    ),
    Mutant(
        "child-before-gateway",
        "DC-033",
        "reports the devices behind a gateway before the gateway",
        _agent(ChildBeforeGateway),
        needs="gateway",
    ),
    Mutant(
        "keeps-gone-children",
        "DC-036",
        "does not withdraw a device that is gone",
        _agent(KeepsChildrenThatAreGone),
        needs="gateway",
    ),
    Mutant(
        "omits-child-device",
        "ST-006",
        "leaves deviceId out of reports for a device behind it",
        _agent(OmitsChildDevice),
        needs="gateway",
    ),
    Mutant("reports-removed-at-once", "DS-074", "reports removed without removing first", _agent(ReportsRemovedAtOnce)),
    Mutant(
        "keeps-removed-workload", "DS-073", "reports removed and lets the workload run", _agent(KeepsRemovedWorkload)
    ),
    Mutant("silent-on-removal", "DS-002", "removes without a word", _agent(SilentOnRemoval)),
    Mutant("silent-on-failure", "DS-002", "does not report failures", _agent(SilentOnFailure)),
    Mutant("blames-the-device", "ST-014", "names the device as the source of every error", _agent(BlamesTheDevice)),
    Mutant("fetches-problem-type", "PT-011", "fetches the type of a problem", _agent(FetchesProblemType)),
    Mutant("retries-non-retryable", "RTY-008", "tries again what it must not", _agent(RetriesNonRetryable)),
    Mutant(
        "acts-on-status-not-type",
        "ERR-009",
        "tries 5xx answers again whatever the problem document says",
        _agent(UsesStatusForType),
    ),
    Mutant("begins-all-at-once", "AD-020", "does not wait for a component with wait true", _agent(BeginsAllAtOnce)),
    Mutant("never-times-out", "AD-021", "lets an installation take longer than its timeout", _agent(NeverTimesOut)),
    Mutant(
        "reports-installed-at-once", "ST-021", "reports installed before anything runs", _agent(ReportsInstalledAtOnce)
    ),
    Mutant("hashes-rewritten-artefacts", "DS-051", "normalises newlines before hashing", _agent(RewritesArtefacts)),
    Mutant(
        "reports-out-of-order",
        "ST-001",
        "delivers held-back reports newest first",
        _agent(SendsReportsNewestFirst),
        needs="network",
    ),
)

MUTANTS: Mapping[str, Mutant] = {mutant.name: mutant for mutant in _ALL}
"""Every broken device by its name."""
