"""The two runtimes of the simulated machine: what their steps are called, how they fail, how they take parameters.

Source: DEV-04, DEV-05, CMP-14..CMP-16, AD-020.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from simulator.device.events import StartComponent
from simulator.device.fetched import Fetched, Package

Step = Literal["pull", "start", "health"]
"""The steps of an installation, at any of which it can fail: get the artefacts, start, become healthy."""


@dataclass(frozen=True, slots=True)
class ComponentScript:
    """How one component behaves. Durations in seconds; `times` bounds how often it fails or hangs (None: always).

    `hangs`: the installation never ends by itself, only by its timeout. `healthy` is the health it has when it runs.
    """

    duration_s: float = 0.0
    fails_at: Step | None = None
    hangs: bool = False
    times: int | None = None
    message: str = ""
    healthy: bool = True
    removal_s: float = 0.0
    removal_fails: int = 0
    healthy_after_s: float = 0.0
    """Seconds after it runs until it is healthy; matters only where the component says how its health is told."""


@dataclass(frozen=True, slots=True)
class Runtime:
    """A runtime, by deployment type: what is said when a step fails."""

    kind: str
    failures: Mapping[Step, tuple[str, str]]
    removal_failure: str

    def failure(self, step: Step, component: str, script: ComponentScript) -> tuple[str, str]:
        """Code and message of a failed step."""
        code, text = self.failures[step]
        return code, script.message or text.format(component=component)

    def configuration(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The values as the runtime takes them: nested for charts, flat variables for compose projects."""
        return (
            nested(parameters) if self.kind == "helm" else {key.rpartition(".")[2]: v for key, v in parameters.items()}
        )


HELM = Runtime(
    "helm",
    {
        "pull": ("artefact-unavailable", "chart of {component} could not be pulled"),
        "start": ("startup-failed", "release {component} failed: a pod ended with a non-zero exit code"),
        "health": ("unhealthy", "release {component}: pods did not become ready"),
    },
    "release {component} could not be uninstalled",
)
COMPOSE = Runtime(
    "compose",
    {
        "pull": ("artefact-unavailable", "package of {component} could not be pulled"),
        "start": ("startup-failed", "a container of {component} exited with code 1 during start-up"),
        "health": ("unhealthy", "a container of {component} did not become healthy"),
    },
    "project {component} could not be taken down",
)
RUNTIMES = {"helm": HELM, "compose": COMPOSE}


def runtime_for(kind: str) -> Runtime:
    """The runtime for a deployment type; what is not known is run as containers."""
    return RUNTIMES.get(kind, COMPOSE)


def containers_of(
    operation: StartComponent, fetched: Fetched | None, environment: Mapping[str, str]
) -> dict[str, dict[str, str]]:
    """The environment of each container: what every container gets, then the project's own, then the parameters."""
    services = fetched.services if isinstance(fetched, Package) else {operation.component: {}}
    compose = operation.kind != "helm"
    given = runtime_for(operation.kind).configuration(operation.parameters) if compose else {}
    parameters = {name: text_of(value) for name, value in given.items()}
    return {name: {**environment, **_declared(service), **parameters} for name, service in services.items()}


def text_of(value: object) -> str:
    """A value as an environment variable holds it: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def _declared(service: Mapping[str, Any]) -> dict[str, str]:
    """The environment that a service declares, as a mapping or as a list of `NAME=value`."""
    declared = service.get("environment") or {}
    if isinstance(declared, list):
        return dict(str(item).split("=", 1) for item in declared if "=" in str(item))
    return {str(name): text_of(value) for name, value in declared.items()}


def nested(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`{"a.b": 1}` as `{"a": {"b": 1}}`; a pointer into a value that is no object replaces it."""
    tree: dict[str, Any] = {}
    for pointer, value in parameters.items():
        *path, last = pointer.split(".")
        branch = tree
        for step in path:
            inner = branch.get(step)
            if not isinstance(inner, dict):
                inner = branch[step] = {}
            branch = inner
        branch[last] = value
    return tree
