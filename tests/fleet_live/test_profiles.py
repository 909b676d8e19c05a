import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from conformance.catalogue import load
from simulator.fleet import reading
from simulator.fleet.description import Fleet, Profile
from simulator.fleet.plan import plan_of
from simulator.fleet.profiles import Catalogue, table
from simulator.fleet.results import described, tables_of
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


FIXED = {
    "cpus": [{"cores": 2.5, "architecture": "arm"}, {"cores": 4, "architecture": "arm64"}],
    "memory": "512Mi",
    "storage": "1Ti",
    "peripherals": [{"type": "camera", "manufacturer": "Acme", "model": "C1"}],
    "interfaces": [{"type": "canbus"}],
    "otel_collector": True,
    "labels": {"site.example/line": "press", "site.example/shifts": [1, 2], "site.example/spare": False},
}


def test_what_a_profile_names_is_reported_as_it_stands_and_the_rest_is_varied() -> None:
    schema = Draft202012Validator(load().schema("device-capabilities"))
    for name, value in FIXED.items():
        profile = Profile.model_validate({"capabilities": {name: value}})
        reports = [report(Catalogue(1, 0, profile), device) for device in range(40)]
        for document in reports:
            schema.validate(document)
        wire = {"otel_collector": "otelCollector"}.get(name, name)
        told = [document["labels"] if name == "labels" else document["properties"][wire] for document in reports]  # type: ignore[index]
        assert all(one == value for one in told)
        others = {json.dumps(document["properties"], sort_keys=True) for document in reports}
        assert len(others) == 40, "serial numbers and what is not named"
    whole = Catalogue(1, 0, Profile.model_validate({"vendor": "Acme", "model": "X", "capabilities": FIXED}))
    assert len(whole.models) == 1
    none = Profile.model_validate({"capabilities": {"peripherals": [], "interfaces": [], "labels": {}}})
    document = report(Catalogue(1, 0, none), 3)
    assert document["properties"]["peripherals"] == document["properties"]["interfaces"] == []  # type: ignore[index]
    assert "labels" not in document


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("{memroy: 4Gi}", "capabilities.memroy: unknown key; did you mean memory?"),
        (
            "{memory: 4GB}",
            "capabilities.memory: expected a size such as \"4Gi\": a number and Ki, Mi or Gi, found '4GB'",
        ),
        ("{memory: 1Ti}", 'capabilities.memory: expected a size such as "4Gi"'),
        ("{cpus: []}", "capabilities.cpus: "),
        ("{cpus: [{cores: 0}]}", "capabilities.cpus.0.cores: "),
        (
            "{cpus: [{cores: 2, architecture: x86}]}",
            "capabilities.cpus.0.architecture: ...'amd64', 'arm64'",
        ),
        ("{cpus: [{cores: 2, arch: arm}]}", "capabilities.cpus.0.arch: unknown key; did you mean architecture?"),
        ("{interfaces: [{type: lan}]}", "capabilities.interfaces.0.type: ...'ethernet'"),
        ("{labels: {a: {b: c}}}", "capabilities.labels: a: expected a text, a number, true or false, or a list"),
        ("{labels: {a: []}}", "capabilities.labels: a: expected a text"),
        ("{labels: {a: [1, x]}}", "capabilities.labels: a: expected a text"),
    ],
)
def test_capabilities_that_no_device_may_report_are_refused_by_field(given: str, told: str) -> None:
    text = (
        f"cohorts:\n  - name: a\n    count: 1\n    application: app\n    profile:\n      capabilities: {given}\n"
        "applications: [{name: app, revisions: [{name: '1.0.0'}]}]\n"
    )
    with pytest.raises(reading.WrongDescription) as refused:
        reading.read(text.encode(), "fleet.yaml")
    begin, _, named = told.partition("...")
    assert str(refused.value).startswith(f"fleet.yaml:6: cohorts.0.profile.{begin}")
    assert named in str(refused.value)


def test_a_description_with_capabilities_can_be_written_and_read_again_and_has_a_schema() -> None:
    value = {
        "cohorts": [{"name": "a", "count": 1, "application": "app", "profile": {"capabilities": FIXED}}],
        "applications": [{"name": "app", "revisions": [{"name": "1.0.0"}]}],
    }
    fleet = Fleet.model_validate(value)
    assert reading.read(described(fleet).encode(), "again.yaml") == fleet
    schema = Draft202012Validator(Fleet.model_json_schema())
    schema.validate(value)
    value["cohorts"] = [
        {"name": "a", "count": 1, "application": "app", "profile": {"capabilities": {"labels": {"a": {}}}}}
    ]
    assert not schema.is_valid(value)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**63 - 1), st.integers(0, 20_000_000), st.integers(1, 200))
def test_devices_are_counted_by_model_as_they_are(seed: int, first: int, devices: int) -> None:
    catalogue = Catalogue(seed, 0, Profile())
    models = [catalogue.model_of(device) for device in range(first, first + devices)]
    assert catalogue.counts(first, devices) == [sum(m is model for m in models) for model in catalogue.models]


def test_a_simulation_writes_what_its_devices_are_the_same_as_a_live_run_would_have_them() -> None:
    fleet = reading.read_example("canary")
    world = plan_of(fleet)
    tables = tables_of(fleet, world)
    assert tables["cohorts"]["vendor"] != ["unnamed"]
    assert tables["profiles"] == table(
        [cohort.name for cohort in fleet.cohorts],
        [cohort.count for cohort in fleet.cohorts],
        [Catalogue(fleet.seed, n, cohort.profile) for n, cohort in enumerate(fleet.cohorts)],
    )
    assert sum(tables["profiles"]["devices"]) == fleet.devices
    for n, name in enumerate(tables["cohorts"]["cohort"]):
        own = zip(tables["profiles"]["cohort"], tables["profiles"]["vendor"], strict=True)
        assert "; ".join(dict.fromkeys(vendor for of, vendor in own if of == name)) == tables["cohorts"]["vendor"][n]
    assert tables_of(fleet, plan_of(fleet))["cohorts"] == tables["cohorts"]
    other = fleet.model_copy(update={"seed": fleet.seed + 1})
    assert tables_of(other, plan_of(other))["cohorts"]["vendor"] != tables["cohorts"]["vendor"]
