"""Manifests exact to the last version, bundles reproducible and unpacked safely."""

import gzip
import io
import json
import tarfile
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.protocol.bundle import MAX_UNPACKED_BYTES, make_bundle, read_bundle
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import DocumentError
from simulator.protocol.manifest import (
    BUNDLE_MEDIA_TYPE,
    BundleRef,
    DeploymentRef,
    StateManifest,
    bundle_url,
    deployment_url,
    parse_manifest,
)

UUIDS = st.uuids().map(str)
VERSIONS = st.one_of(st.integers(1, 2**64 - 1), st.sampled_from([1, 2**53 - 1, 2**53, 2**53 + 1, 2**63, 2**64 - 1]))
DOCUMENTS = st.dictionaries(UUIDS, st.binary(max_size=300), min_size=1, max_size=5)


def manifest_of(version: int, documents: Mapping[str, bytes]) -> StateManifest:
    bundle = digest_of(make_bundle(documents)) if documents else None
    return StateManifest(
        manifest_version=version,
        bundle=BundleRef(media_type=BUNDLE_MEDIA_TYPE, digest=bundle, url=bundle_url(bundle)) if bundle else None,
        deployments=tuple(
            DeploymentRef(deployment_id=name, digest=digest_of(data), url=deployment_url(name, digest_of(data)))
            for name, data in documents.items()
        ),
    )


@given(VERSIONS, st.one_of(st.just({}), DOCUMENTS))
def test_a_manifest_reads_back_exactly(version: int, documents: dict[str, bytes]) -> None:
    manifest = manifest_of(version, documents)
    data = manifest.to_bytes()
    assert parse_manifest(data) == manifest
    assert parse_manifest(data).to_bytes() == data
    assert f'"manifestVersion":{version}'.encode() in data
    assert manifest.entity_tag == f'"{digest_of(data)}"'
    assert "bundle" in json.loads(data)


@pytest.mark.parametrize("version", [0, -1, 2**64, "1", 1.5, True, None, 1e30])
def test_versions_out_of_range_or_of_another_type(version: object) -> None:
    data = json.dumps({"manifestVersion": version, "bundle": None, "deployments": []}).encode()
    with pytest.raises(DocumentError, match="manifestVersion"):
        parse_manifest(data)


def test_bundle_and_deployments_go_together() -> None:
    good = json.loads(manifest_of(2, {"00000000-0000-4000-8000-000000000000": b"x"}).to_bytes())
    for wrong in (
        {**good, "deployments": []},
        {**good, "deployments": good["deployments"] * 2},
        {name: value for name, value in good.items() if name != "bundle"},
        {**good, "bundle": {**good["bundle"], "mediaType": "application/gzip"}},
        {**good, "bundle": {**good["bundle"], "digest": "sha512:00"}},
        {**good, "deployments": [{**good["deployments"][0], "digest": "sha256:" + "0" * 63}]},
    ):
        with pytest.raises(DocumentError):
            parse_manifest(json.dumps(wrong).encode())
    assert parse_manifest(json.dumps({**good, "later": 1}).encode()).manifest_version == 2
    assert parse_manifest(json.dumps({**good, "bundle": None}).encode()).bundle is None


@given(DOCUMENTS)
def test_bundles_are_reproducible_and_hold_exactly_the_documents(documents: dict[str, bytes]) -> None:
    bundle = make_bundle(documents)
    assert make_bundle(dict(reversed(documents.items()))) == bundle
    assert read_bundle(bundle) == {f"{name}.yaml": data for name, data in documents.items()}


def test_an_empty_bundle_is_never_made() -> None:
    with pytest.raises(ValueError, match="at least one deployment"):
        make_bundle({})


def archive(*members: tarfile.TarInfo, data: bytes = b"", form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as tar:
        for member in members:
            member.size = len(data) if member.isreg() else 0
            tar.addfile(member, io.BytesIO(data) if member.isreg() else None)
    return gzip.compress(buffer.getvalue())


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


@pytest.mark.parametrize(
    "members",
    [
        [member("../a.yaml")],
        [member("/a.yaml")],
        [member("folder/a.yaml")],
        [member("..")],
        [member("a\\b.yaml")],
        [member("a.yaml", tarfile.SYMTYPE, "/etc/passwd")],
        [member("a.yaml", tarfile.LNKTYPE, "b.yaml")],
        [member("a.yaml", tarfile.CHRTYPE)],
        [member("a.yaml", tarfile.FIFOTYPE)],
        [member("folder", tarfile.DIRTYPE)],
        [member("a.yaml"), member("a.yaml")],
        [member("a.yaml"), member("./a.yaml")],
        [member(f"{n}.yaml") for n in range(10_001)],
    ],
    ids=lambda members: f"{members[0].name}-{members[0].type.decode()}-{len(members)}",
)
def test_members_that_do_not_belong_are_refused(members: list[tarfile.TarInfo]) -> None:
    with pytest.raises(DocumentError, match="bundle"):
        read_bundle(archive(*members))


def test_a_root_directory_and_dot_names_are_taken() -> None:
    bundle = archive(member("./", tarfile.DIRTYPE), member("./a.yaml"))
    assert read_bundle(bundle) == {"a.yaml": b""}


def test_bombs_and_rubbish_are_refused() -> None:
    good = make_bundle({"a": b"x" * 5000})
    sparse = member("a.yaml")
    sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**40)}
    for data in (
        gzip.compress(b"\0" * (MAX_UNPACKED_BYTES + 1)),
        archive(sparse, data=b"1\n0\n1\n".ljust(512, b"\0")),
        good[:-20],
        good[:10],
        b"",
        b"rubbish",
        gzip.compress(b"rubbish" * 200),
    ):
        with pytest.raises(DocumentError, match="bundle"):
            read_bundle(data)


@given(st.binary(max_size=2000))
def test_no_bytes_make_the_reader_fail_otherwise(data: bytes) -> None:
    for candidate in (data, gzip.compress(data)):
        try:
            read_bundle(candidate)
        except DocumentError:
            continue
