"""Application packages: read safely, and refused with file, field, expected and found."""

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

import features
from simulator.protocol.documents import DocumentError
from simulator.wfm.packages import load_archive, load_directory

HISTORIAN = Path(features.__file__).parent / "applications" / "historian"


def archive(*members: tuple[tarfile.TarInfo, bytes], prefix: str = "") -> bytes:
    """The historian's files and some more."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(HISTORIAN.rglob("*")):
            if path.is_file():
                info = tarfile.TarInfo(prefix + path.relative_to(HISTORIAN).as_posix())
                info.size = path.stat().st_size
                tar.addfile(info, io.BytesIO(path.read_bytes()))
        for info, data in members:
            info.size = len(data) if info.type == tarfile.REGTYPE else info.size
            tar.addfile(info, io.BytesIO(data) if info.type == tarfile.REGTYPE else None)
    return gzip.compress(buffer.getvalue())


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def test_directory_and_archive_are_the_same_package() -> None:
    package = load_directory(HISTORIAN)
    assert load_archive(package.to_archive()) == package
    assert load_archive(archive(prefix="historian-5.0.2/")).files == package.files
    assert package.to_archive() == load_directory(HISTORIAN).to_archive()


@pytest.mark.parametrize(
    "bad",
    [
        member("../outside"),
        member("/etc/passwd"),
        member("a/../../b"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("hard", tarfile.LNKTYPE, "margo.yaml"),
        member("pipe", tarfile.FIFOTYPE),
        member("device", tarfile.CHRTYPE),
        member("margo.yaml"),
    ],
    ids=lambda info: info.name,
)
def test_members_that_leave_the_package_are_refused(bad: tarfile.TarInfo) -> None:
    with pytest.raises(DocumentError, match=r"package\.tar\.gz"):
        load_archive(archive((bad, b"x")))


def test_bombs_are_refused() -> None:
    with pytest.raises(DocumentError, match="at most 16777216 bytes"):
        load_archive(gzip.compress(b"\0" * 17 * 1024 * 1024))
    with pytest.raises(DocumentError, match="at most 200 files"):
        load_archive(archive(*[(member(f"f{n}"), b"") for n in range(250)]))
    sparse = tarfile.TarInfo("sparse")
    sparse.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(2**40)}
    with pytest.raises(DocumentError, match="plain files only"):
        load_archive(archive((sparse, b"1\n0\n1\n".ljust(512, b"\0"))))
    for data in (b"", b"nothing", gzip.compress(b"no tar" * 200), archive()[:-40]):
        with pytest.raises(DocumentError):
            load_archive(data)


def test_links_in_a_directory_are_refused(tmp_path: Path) -> None:
    (tmp_path / "margo.yaml").symlink_to(HISTORIAN / "margo.yaml")
    with pytest.raises(DocumentError, match="symbolic link"):
        load_directory(tmp_path)


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="expected a directory, found nothing"):
        load_directory(tmp_path / "missing")
    with pytest.raises(DocumentError, match=r"margo\.yaml: \(file\): expected the application description"):
        load_directory(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("resources/icon.svg", "resources/logo.svg"), "the file resources/logo.svg"),
        (lambda text: text.replace("apiVersion: v1", "apiVersion: margo.org/v1-alpha1"), "apiVersion: expected 'v1'"),
        (lambda text: text.replace("id: historian\n", "id: Plant_Historian\n", 1), "id: expected"),
        (lambda text: text.replace("oci://", "https://"), "repository: expected"),
        (
            lambda text: text.replace("components: [historian]", "components: [store]", 1),
            "to target a known component (APP-09), found 'store'",
        ),
        (lambda text: text.replace("schema: days", "schema: weeks"), "to name a known schema, found 'weeks'"),
        (lambda text: text + "\n\tbroken", "valid YAML"),
    ],
)
def test_a_wrong_description_names_file_and_field(tmp_path: Path, change: Callable[[str], str], message: str) -> None:
    for path in HISTORIAN.rglob("*"):
        if path.is_file():
            copy = tmp_path / path.relative_to(HISTORIAN)
            copy.parent.mkdir(exist_ok=True)
            copy.write_bytes(path.read_bytes())
    text = (tmp_path / "margo.yaml").read_text()
    (tmp_path / "margo.yaml").write_text(change(text))
    assert change(text) != text
    with pytest.raises(DocumentError) as caught:
        load_directory(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path}/margo.yaml: ")
    assert message in str(caught.value)
