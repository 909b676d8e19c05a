"""Broken devices whose defect lies in their telemetry, or in what they do to workloads for the sake of it."""

from dataclasses import replace

from simulator.device.config import DeviceConfig
from simulator.device.mutant import Change, Mutant
from simulator.device.telemetry import Collector


class ExportsNothing(Collector):
    """Is told where telemetry is to go, and sends none."""

    def start(self) -> None:
        """Do nothing."""


class ExportsOn(Collector):
    """Goes on to export when its user wants no more of it, until nobody takes it."""

    async def stop(self) -> None:
        """Do nothing."""

    def goes_on(self, *, arrived: bool) -> bool:
        """As long as it arrives."""
        return arrived


class HoldsUpInstallations(Collector):
    """Lets nothing be fetched while its back end cannot be reached."""

    def goes_on(self, *, arrived: bool) -> bool:
        """Go on, and have the machine fetch or not."""
        self.machine.registry_down = not arrived
        return True


def _collector(collector_class: type[Collector]) -> Change:
    return lambda config: replace(config, collector_class=collector_class)


def _instruments(config: DeviceConfig) -> DeviceConfig:
    agent = {"JAVA_TOOL_OPTIONS": "-javaagent:/otel/opentelemetry-javaagent.jar"}
    return replace(config, collector={**config.collector, **agent})


TELEMETRY_MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "exports-nothing",
        "OBS-13",
        "exports no telemetry to the back end that its user names",
        _collector(ExportsNothing),
        needs="configure",
    ),
    Mutant(
        "exports-on",
        "OBS-07",
        "goes on to export when its user wants no more of it",
        _collector(ExportsOn),
        needs="configure",
    ),
    Mutant(
        "installs-only-with-telemetry",
        "RS-03",
        "installs nothing while the back end of its telemetry cannot be reached",
        _collector(HoldsUpInstallations),
        needs="configure",
    ),
    Mutant(
        "instruments-workloads",
        "OBS-08",
        "loads an instrumentation into containers that are not its owner's",
        _instruments,
        needs="inspect",
    ),
)
