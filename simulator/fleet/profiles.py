"""What the devices of a cohort are: vendors, models and capabilities, varied by faker, the same for the same seed.

Each cohort has a catalogue of a few models, drawn once from its seed; which of them a device is, its serial number and
where it stands follow from (seed, device) alone. What the description names of a profile stays as it is written there.
The names come from faker: another release of it may give others.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from faker import Faker

from simulator.fleet.description import Profile
from simulator.fleet.live.schedule import uniform
from simulator.protocol.capabilities import Cpu, DeviceCapabilities, DeviceProperties, Interface, Peripheral

UNNAMED = Profile().vendor
"""What the description says where it names no vendor, or no model."""
VENDORS = 4
MODELS = 3
_CHUNK = 1 << 20
_CATALOGUE, _DEVICE = 1 << 32, 1 << 33
_SIZES = (
    # cores, architecture, memory, storage: from the small gateway to the industrial PC
    (2, "arm", "1Gi", "16Gi"),
    (4, "arm64", "4Gi", "64Gi"),
    (4, "amd64", "8Gi", "128Gi"),
    (8, "arm64", "16Gi", "256Gi"),
    (8, "amd64", "16Gi", "512Gi"),
    (16, "amd64", "32Gi", "1Ti"),
)
_PERIPHERALS = ("gpu", "display", "camera", "microphone", "speaker")
_INTERFACES = ("wifi", "cellular", "bluetooth", "usb", "canbus", "rs232")


@dataclass(frozen=True, slots=True)
class Model:
    """One model of a vendor, with what every device of it reports."""

    vendor: str
    number: str
    cpus: tuple[Cpu, ...]
    memory: str
    storage: str
    peripherals: tuple[Peripheral, ...]
    interfaces: tuple[Interface, ...]
    deployment_types: tuple[str, ...]
    runtimes: tuple[str, ...] = ("oci",)


class Catalogue:
    """The models of one cohort, and which of them each device is."""

    def __init__(self, seed: int, cohort: int, profile: Profile) -> None:
        self._seed, self._fixed = seed, profile.capabilities
        fake = Faker("en_US")
        fake.seed_instance(f"{seed}/{cohort}/{profile.vendor}/{profile.model}")
        vendors = [fake.unique.company() for _ in range(VENDORS)] if profile.vendor == UNNAMED else [profile.vendor]
        named = profile.model != UNNAMED
        self.models: tuple[Model, ...] = tuple(
            _model(fake, vendor, profile.model if named else None, profile)
            for vendor in vendors
            for _ in range(1 if named else MODELS)
        )
        self._towns = tuple(fake.unique.city() for _ in range(8))

    @property
    def vendor(self) -> str:
        """The vendor, or all of them where they vary."""
        return "; ".join(dict.fromkeys(model.vendor for model in self.models))

    @property
    def number(self) -> str:
        """The model, or all of them where they vary."""
        return "; ".join(dict.fromkeys(model.number for model in self.models))

    def counts(self, first: int, devices: int) -> list[int]:
        """How many of so many devices, numbered from the first on, are of each model; as `model_of` has it."""
        import numpy as np  # noqa: PLC0415 - not for processes that only drive devices

        from simulator.fleet.model import uniform as chances  # noqa: PLC0415

        found = np.zeros(len(self.models), np.int64)
        if len(self.models) == 1:
            return [devices]
        for begin in range(first, first + devices, _CHUNK):
            numbers = np.arange(begin, min(begin + _CHUNK, first + devices), dtype=np.uint64) + np.uint64(_CATALOGUE)
            with np.errstate(over="ignore"):
                drawn = chances.py_func(np.uint64(self._seed), numbers, 0, 0)
            found += np.bincount((drawn * len(self.models)).astype(np.int64), minlength=len(self.models))
        return [int(count) for count in found]

    def model_of(self, device: int) -> Model:
        """The model of a device, by the device's number in the fleet."""
        return self.models[int(uniform(self._seed, _CATALOGUE + device, 0) * len(self.models))]

    def capabilities(self, device: int, device_id: str) -> DeviceCapabilities:
        """What a device reports of itself under its id."""
        model = self.model_of(device)
        chance = uniform(self._seed, _DEVICE + device, 0)
        own = DeviceProperties(
            id=device_id,
            vendor=model.vendor,
            model_number=model.number,
            serial_number=f"{model.number[:2].upper()}{int(chance * 16**10):010X}",
            cpus=model.cpus,
            memory=model.memory,
            storage=model.storage,
            peripherals=model.peripherals,
            interfaces=model.interfaces,
            otel_collector=chance < 0.5 if self._fixed.otel_collector is None else self._fixed.otel_collector,
            supported_runtimes=model.runtimes,
            supported_deployment_types=model.deployment_types,
        )
        town = self._towns[int(uniform(self._seed, _DEVICE + device, 1) * len(self._towns))]
        labels = self._fixed.labels_beside({"site.example/town": town})
        return DeviceCapabilities(properties=own, **({"labels": labels} if labels else {}))


def table(names: Sequence[str], sizes: Sequence[int], catalogues: Sequence[Catalogue]) -> dict[str, list[object]]:
    """How many devices of each cohort are of which vendor and model; cohorts number their devices one after the other.

    Columns: cohort, vendor, model, devices, architecture, cores, memory, deployment_types.
    """
    rows: dict[str, list[object]] = {
        name: [] for name in ("cohort", "vendor", "model", "devices", "architecture", "cores", "memory")
    }
    rows["deployment_types"] = []
    first = 0
    for name, size, catalogue in zip(names, sizes, catalogues, strict=True):
        counts = catalogue.counts(first, size)
        first += size
        for model, count in zip(catalogue.models, counts, strict=True):
            rows["cohort"].append(name)
            rows["vendor"].append(model.vendor)
            rows["model"].append(model.number)
            rows["devices"].append(count)
            rows["architecture"].append(" ".join(dict.fromkeys(cpu.architecture or "" for cpu in model.cpus)))
            rows["cores"].append(sum(cpu.cores for cpu in model.cpus))
            rows["memory"].append(model.memory)
            rows["deployment_types"].append(" ".join(model.deployment_types))
    return rows


def _model(fake: Faker, vendor: str, number: str | None, profile: Profile) -> Model:
    cores, architecture, memory, storage = fake.random_element(_SIZES)
    extras = fake.random_elements(_PERIPHERALS, length=fake.random_int(0, 2), unique=True)
    more = fake.random_elements(_INTERFACES, length=fake.random_int(0, 2), unique=True)
    fixed = profile.capabilities
    drawn = tuple(Peripheral.model_validate({"type": kind, "manufacturer": vendor}) for kind in extras)
    ways = tuple(Interface.model_validate({"type": kind}) for kind in ("ethernet", *more))
    return Model(
        vendor,
        number or fake.bothify("??-####", letters="ABCDEFGHKLMNPRSTX"),
        (Cpu(cores=cores, architecture=architecture),) if fixed.cpus is None else fixed.cpus,
        memory if fixed.memory is None else fixed.memory,
        storage if fixed.storage is None else fixed.storage,
        drawn if fixed.peripherals is None else fixed.peripherals,
        ways if fixed.interfaces is None else fixed.interfaces,
        profile.runtimes,
    )


def catalogues_of(seed: int, profiles: Sequence[Profile]) -> tuple[Catalogue, ...]:
    """What the devices of each cohort are."""
    return tuple(Catalogue(seed, number, profile) for number, profile in enumerate(profiles))
