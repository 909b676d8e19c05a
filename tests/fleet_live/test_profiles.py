import json

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.catalogue import load
from simulator.fleet.description import Profile
from simulator.fleet.profiles import Catalogue, table
from simulator.protocol.documents import canonical_json


def report(catalogue: Catalogue, device: int) -> dict[str, object]:
    document: dict[str, object] = json.loads(canonical_json(catalogue.capabilities(device, f"d-{device}").to_wire()))
    return document


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(0, 99), st.lists(st.integers(0, 20_000_000), min_size=1, max_size=5))
def test_capabilities_keep_to_the_schema_and_are_the_same_for_the_same_seed(
    seed: int, cohort: int, devices: list[int]
) -> None:
    schema = Draft202012Validator(load().schema("device-capabilities"))
    first, second = (Catalogue(seed, cohort, Profile()) for _ in range(2))
    for device in devices:
        document = report(first, device)
        schema.validate(document)
        assert document == report(second, device)


def test_devices_of_a_cohort_are_of_several_vendors_and_models_unless_they_are_named() -> None:
    varied = Catalogue(1, 0, Profile())
    assert len({varied.model_of(device).vendor for device in range(200)}) == 4
    assert len({varied.model_of(device) for device in range(200)}) == 12
    vendor = Catalogue(1, 0, Profile(vendor="Acme", runtimes=("compose",)))
    models = {vendor.model_of(device) for device in range(200)}
    assert {model.vendor for model in models} == {"Acme"}
    assert len(models) == 3
    assert {model.deployment_types for model in models} == {("compose",)}
    [only] = Catalogue(1, 0, Profile(vendor="Acme", model="X1")).models
    assert (only.vendor, only.number) == ("Acme", "X1")


def test_another_seed_or_cohort_gives_others() -> None:
    reports = [report(Catalogue(seed, cohort, Profile()), 7) for seed, cohort in ((1, 0), (2, 0), (1, 1))]
    assert len({json.dumps(one) for one in reports}) == 3
    serials = {report(Catalogue(1, 0, Profile()), device)["properties"]["serialNumber"] for device in range(300)}  # type: ignore[index]
    assert len(serials) == 300


def test_the_table_counts_every_device_once() -> None:
    catalogues = [Catalogue(1, 0, Profile()), Catalogue(1, 1, Profile(vendor="Acme", model="X1"))]
    rows = table(["a", "b"], [500, 40], catalogues)
    assert sum(int(str(count)) for count in rows["devices"]) == 540
    assert rows["devices"][-1] == 40
    assert len({len(column) for column in rows.values()}) == 1
