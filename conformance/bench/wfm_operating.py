"""What an operator does beyond deploying and removing: find an application that fits, change it, restart the WFM."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from conformance.bench.applications import Application, Release
from conformance.bench.errors import Blocked
from conformance.bench.northbound import NorthboundError
from conformance.bench.wfm_bench import WfmBench
from simulator.protocol.documents import EXTENSION_KEY


def _has_demands(release: Release) -> bool:
    return any(offer.device_constraints for offer in release.description.deployment_profiles)


def _has_device_extensions(release: Release) -> bool:
    return any(
        EXTENSION_KEY.match(name)
        for offer in release.document["deploymentProfiles"]
        for holder in (offer, *offer["components"])
        for name in holder
    )


def _has_root_extensions(release: Release) -> bool:
    return any(EXTENSION_KEY.match(name) for name in release.document)


_KINDS = {
    "settings": lambda release: bool(release.other_values),
    # with another one that can be changed, which shows that it is not changing as such that is refused
    "a setting that cannot be changed": lambda release: bool(release.immutable_values and release.other_values),
    "demands": _has_demands,
    "extensions for the device": _has_device_extensions,
    "extensions for the WFM": _has_root_extensions,
}


def role_with(bench: WfmBench, what: str) -> str:
    """Give the first application that has something; raises Blocked when none has."""
    for role, application in bench.apps.items():
        if _KINDS[what](application.release(1)):
            return role
    raise Blocked(f"needs an application with {what}; none of the given and shipped ones has it")


def next_release(bench: WfmBench, name: str, role: str) -> None:
    """Deploy the release after the one that is deployed."""
    bench.update(name, role, bench.client(name).deployments[role].release.number + 1)


def change_settings(bench: WfmBench, name: str, role: str) -> None:
    """Give every setting that can be changed another value that its rules allow."""
    bench.update(name, role, values=bench.client(name).deployments[role].release.other_values)


def forbidden_value(bench: WfmBench, name: str, role: str) -> None:
    """Give a setting a value of the wrong type."""
    application = bench.application(role)
    for parameter in application.release(1).other_values:
        _try_value(bench, name, role, parameter, _wrong_value(application, parameter), immutable=False)
        return


def immutable_value(bench: WfmBench, name: str, role: str) -> None:
    """Change a setting that cannot be changed, to a value that its other rules allow."""
    for parameter, value in bench.application(role).release(1).immutable_values.items():
        _try_value(bench, name, role, parameter, value, immutable=True)
        return


def force_version(bench: WfmBench, name: str, version: int) -> None:
    """Have the next manifest of a client be of a certain version, and deploy the next release."""
    client = bench.client(name)
    bench.subject.hooks.need("next_version")(client.wfm_client_id, version)
    bench.spend(name)
    refs = {"before": client.last.exchange}
    fact = bench.note("version-forced", refs, client=client.identity, version=str(version))
    next_release(bench, name, "primary")
    bench.named["version-forced"] = fact


def restart(bench: WfmBench, name: str) -> None:
    """Restart the WFM."""
    bench.subject.hooks.need("restart")()
    bench.note("restarted", client=bench.client(name).identity)


def change_unseen(bench: WfmBench, name: str, count: int) -> None:
    """Make changes while the client does not ask, then have it ask once."""
    client = bench.client(name)
    deployed = client.deployments["primary"]
    operator = bench.subject.operator()
    for number in range(2, 2 + count - 1):
        release = bench.application("primary").release(number)
        bench.operate(partial(operator.upload, release.application_id, release.version, release.archive))
        bench.operate(partial(operator.update, deployed.deployment_id, release.version, None))
    bench.deploy(name, "secondary", seen=False)
    bench.note("was-away", client=client.identity, changes=count)


def look_at_all(bench: WfmBench) -> None:
    """Have every client ask for its manifest and fetch what it names that it has not got yet."""
    for name in bench.client_names:
        offer = bench.manifest(name)
        for ref in offer.refs:
            if not bench.record.of("fetch-deployment", status=200, digest=str(ref.get("digest"))):
                bench.fetch(name, ref.get("url"))


def _try_value(bench: WfmBench, name: str, role: str, parameter: str, value: Any, *, immutable: bool) -> None:
    client = bench.client(name)
    deployed = client.deployments[role]
    values: Mapping[str, Any] = {**deployed.values, parameter: value}
    refused = None
    try:
        bench.subject.operator().update(deployed.deployment_id, None, values)
    except NorthboundError as error:
        refused = str(error)
    bench.note(
        "forbidden-value",
        client=client.identity,
        parameter=parameter,
        value=value,
        refused=refused,
        immutable=immutable,
    )


def _wrong_value(application: Application, parameter: str) -> Any:
    configuration = application.description.configuration
    schema = configuration.schema_of(parameter) if configuration else None
    kind = schema.data_type if schema else "string"
    return "seven, in words" if kind in ("integer", "double", "boolean") else {"not": "a value"}
