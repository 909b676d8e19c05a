"""Names nobody knows: the answer offers what was probably meant."""

import pytest

from conformance.catalogue import (
    UnknownName,
    UnknownProfile,
    UnknownRequirement,
    UnknownRevision,
    UnknownSchema,
    load,
)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("DS-69", "DS-069"), ("ds-069", "DS-069"), ("DS069", "DS-069"), ("SEC-4", "SEC-004"), ("EXT-1", "EXT-01")],
)
def test_the_nearest_requirement_is_offered(asked: str, meant: str) -> None:
    with pytest.raises(UnknownRequirement) as caught:
        load().requirement(asked)
    assert meant in caught.value.nearest
    assert str(caught.value).startswith(f"unknown requirement '{asked}' in 1.0.0-rc.3; nearest: ")


def test_with_nothing_near_some_known_names_are_shown() -> None:
    with pytest.raises(UnknownRevision) as caught:
        load("zzz")
    assert caught.value.nearest == ()
    assert str(caught.value) == "unknown revision 'zzz'; known: 1.0.0-rc.3, 1.0.0-rc.2-signed, 2024-10"


def test_a_path_is_not_a_revision() -> None:
    with pytest.raises(UnknownRevision):
        load("../catalogue/1.0.0-rc.3")


def test_revision_profile_and_schema_are_looked_up_alike() -> None:
    with pytest.raises(UnknownRevision, match=r"nearest: 1\.0\.0-rc\.3"):
        load("1.0.0-rc3")
    with pytest.raises(UnknownProfile, match="device/standalone"):
        load().profile("device", "standalon")
    with pytest.raises(UnknownSchema, match="state-manifest"):
        load().schema("manifest")
    with pytest.raises(UnknownSchema):
        load("2024-10").schema("state-manifest")


def test_callers_may_treat_every_unknown_name_as_a_key_error() -> None:
    assert issubclass(UnknownName, KeyError)
    assert "NO-001" not in load()
    assert "DS-069" in load()
    with pytest.raises(KeyError):
        load().requirement("NO-001")


def test_loading_twice_gives_the_same_object() -> None:
    assert load() is load("1.0.0-rc.3") is load(revision="1.0.0-rc.3")
