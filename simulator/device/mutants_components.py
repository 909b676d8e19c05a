"""Broken devices whose defect lies in how they fetch components, look into them and run them."""

import gzip
import io
import tarfile
from dataclasses import replace

from simulator.device.agent import Agent
from simulator.device.archives import ArchiveRefused
from simulator.device.config import DeviceConfig
from simulator.device.events import StartComponent, StopComponent
from simulator.device.fetched import Fetched, Package
from simulator.device.mutant import Change, Mutant, with_agent
from simulator.device.retrieval import ComponentRetriever
from simulator.device.runtimes import ComponentScript
from simulator.device.work import Work
from simulator.device.workloads import Machine
from simulator.protocol.component import COMPOSE_FILE, Descriptor
from simulator.protocol.deployment import Component


class BelievesContent(ComponentRetriever):
    """Does not compare what was fetched with its digest."""

    def verify(self, data: bytes, descriptor: Descriptor) -> None:
        """Believe it."""


class OpensAnyArchive(ComponentRetriever):
    """Unpacks without looking where entries lead."""

    def read(self, operation: StartComponent, layer: bytes) -> Package:
        """Take the first Compose file there is."""
        if operation.kind == "helm":
            return super().read(operation, layer)
        names = [name for name in _names(layer) if name.endswith(f"/{COMPOSE_FILE}")]
        if not names:
            raise ArchiveRefused("CMP-05", "no Compose file")
        return Package({COMPOSE_FILE: b""}, {"main": {}})


class LooksForItsName(ComponentRetriever):
    """Looks for the project in a directory that is named as the component."""

    def read(self, operation: StartComponent, layer: bytes) -> Package:
        """Accept no other directory."""
        if operation.kind != "helm" and f"{operation.component}/{COMPOSE_FILE}" not in _names(layer):
            raise ArchiveRefused("CMP-06", f"no directory {operation.component}")
        return super().read(operation, layer)


class RefusesLinks(ComponentRetriever):
    """Takes no archive with a link in it, wherever that leads."""

    def read(self, operation: StartComponent, layer: bytes) -> Package:
        """Look for links first."""
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer)), mode="r:") as archive:
            if any(member.issym() or member.islnk() for member in archive):
                raise ArchiveRefused("CMP-10", "a link is in the archive")
        return super().read(operation, layer)


def _names(layer: bytes) -> list[str]:
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer)), mode="r:") as archive:
        return archive.getnames()


class NeverMindsHealth(Machine):
    """Calls a component ready as soon as it runs."""

    def health_wait(self, script: ComponentScript, fetched: Fetched | None) -> float:
        """Not at all."""
        del script, fetched
        return 0.0


class KeepsPermissions(ComponentRetriever):
    """Gives files the permissions that their archive gives them."""

    def read(self, operation: StartComponent, layer: bytes) -> Package:
        """Take the modes as they are."""
        package = super().read(operation, layer)
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(layer)), mode="r:") as archive:
            modes = {member.name.partition("/")[2]: member.mode for member in archive if member.isfile()}
        return replace(package, modes=modes)


class AddsSidecars(Machine):
    """Runs a collector beside every container of a workload."""

    def containers(self, operation: StartComponent, fetched: Fetched | None) -> dict[str, dict[str, str]]:
        """Twice as many."""
        own = super().containers(operation, fetched)
        return {**own, **{f"{name}-collector": {} for name in own}}


class LosesParameters(Machine):
    """Starts components without the last of their parameters."""

    def begin(self, operation: StartComponent | StopComponent, fetched: Fetched | None = None) -> float | None:
        """Begin with fewer parameters."""
        if isinstance(operation, StartComponent):
            operation = replace(operation, parameters=dict(list(operation.parameters.items())[:-1]))
        return super().begin(operation, fetched)


class InstallsBackwards(Agent):
    """Begins with the component that is listed last."""

    def in_order(self, work: Work) -> list[tuple[str, Component]]:
        """The last one first."""
        return super().in_order(work)[::-1]


def _retriever(retriever_class: type[ComponentRetriever]) -> Change:
    return lambda config: replace(config, retriever_class=retriever_class)


def _machine(machine_class: type[Machine]) -> Change:
    return lambda config: replace(config, machine_class=machine_class)


def _without_collector(config: DeviceConfig) -> DeviceConfig:
    return replace(config, collector={})


COMPONENT_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "skips-component-digest",
        "CMP-12",
        "installs a component whatever its digest",
        _retriever(BelievesContent),
        needs="registry",
    ),
    Mutant(
        "unpacks-any-archive",
        "CMP-10",
        "unpacks archives with entries that lead out of them",
        _retriever(OpensAnyArchive),
        needs="registry",
    ),
    Mutant(
        "refuses-links",
        "CMP-10",
        "refuses archives for links that stay inside of them",
        _retriever(RefusesLinks),
        needs="registry",
    ),
    Mutant(
        "finds-project-by-directory-name",
        "CMP-06",
        "looks for a Compose project in a directory named as the component",
        _retriever(LooksForItsName),
        needs="registry",
    ),
    Mutant(
        "does-not-wait-for-health",
        "CMP-16",
        "reports a project installed before it is healthy",
        _machine(NeverMindsHealth),
        needs="registry",
    ),
    Mutant(
        "keeps-special-bits",
        "CMP-11",
        "gives files the permissions that their archive gives them",
        _retriever(KeepsPermissions),
        needs="registry",
    ),
    Mutant(
        "adds-sidecars",
        "OBS-06",
        "runs a collector beside every container of a workload",
        _machine(AddsSidecars),
        needs="registry",
    ),
    Mutant("installs-backwards", "AD-020", "begins with the last component", with_agent(InstallsBackwards)),
    Mutant(
        "loses-a-parameter", "DS-072", "starts components without one of their parameters", _machine(LosesParameters)
    ),
    Mutant(
        "hides-the-collector",
        "OBS-10",
        "tells containers nothing of the collector",
        _without_collector,
        needs="inspect",
    ),
)
