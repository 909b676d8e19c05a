"""Reading component archives: everything is checked before anything of it is used, and nothing is written to disk.

Source: CMP-05..CMP-10 (layout, names, links), CMP-11 (modes are normalised), DS-050 (bounds).
"""

import gzip
import io
import posixpath
import tarfile
import zlib
from collections.abc import Mapping
from typing import Any

from simulator.device.fetched import Package
from simulator.protocol.component import COMPOSE_FILE
from simulator.protocol.documents import DocumentError, parse_yaml

MAX_MEMBERS = 10_000
MAX_UNPACKED_BYTES = 64 * 1024 * 1024
FILE_MODE = 0o644
"""What every file of a component may be used for, whatever its archive says (CMP-11)."""


class ArchiveRefused(ValueError):
    """An archive that may not be used. `clause` is the requirement that it breaks."""

    def __init__(self, clause: str, reason: str) -> None:
        super().__init__(f"{clause}: {reason}")
        self.clause = clause
        self.reason = reason


def read_compose(data: bytes) -> Package:
    """Read a Compose archive. Raises ArchiveRefused."""
    files = _files(data)
    if COMPOSE_FILE not in files:
        names = ", ".join(sorted(files)[:5]) or "nothing"
        raise ArchiveRefused("CMP-05", f"expected {COMPOSE_FILE} in the directory, found {names}")
    document = _yaml(files[COMPOSE_FILE], COMPOSE_FILE)
    services = document.get("services")
    if not isinstance(services, dict) or not services:
        raise ArchiveRefused("CMP-05", f"{COMPOSE_FILE} has no services")
    _check_env_files(services, files)
    return Package(
        files, {str(name): dict(item or {}) for name, item in services.items()}, dict.fromkeys(files, FILE_MODE)
    )


def read_chart(data: bytes) -> Package:
    """Read a chart. Raises ArchiveRefused."""
    files = _files(data)
    if "Chart.yaml" not in files:
        raise ArchiveRefused("DEV-04", "expected Chart.yaml in the chart's directory")
    return Package(files, {str(_yaml(files["Chart.yaml"], "Chart.yaml").get("name", "chart")): {}})


def _yaml(data: bytes, name: str) -> dict[str, Any]:
    try:
        document = parse_yaml(data, name)
    except DocumentError as error:
        raise ArchiveRefused("CMP-05", str(error)) from None
    if not isinstance(document, dict):
        raise ArchiveRefused("CMP-05", f"{name} is no mapping")
    return document


def _check_env_files(services: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    for name, service in services.items():
        wanted = service.get("env_file", []) if isinstance(service, dict) else []
        for file in [wanted] if isinstance(wanted, str) else wanted:
            if not isinstance(file, str) or posixpath.normpath(file) not in files:
                raise ArchiveRefused("CMP-07", f"service {name}: {file} is not in the archive")


def _files(data: bytes) -> dict[str, bytes]:
    """Give the files below the one directory of an archive, once every entry has been looked at."""
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflate(data)), mode="r:") as archive:
            members = _members(archive)
            top = _top(members)
            for member in members:
                _check_place(member, top)
            return {
                posixpath.normpath(member.name).partition("/")[2]: _content(archive, member)
                for member in members
                if member.isfile()
            }
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise ArchiveRefused("CMP-05", f"no gzip-compressed tar ({error})") from None


def _members(archive: tarfile.TarFile) -> list[tarfile.TarInfo]:
    members: list[tarfile.TarInfo] = []
    for member in archive:
        if len(members) >= MAX_MEMBERS:
            raise ArchiveRefused("CMP-05", f"more than {MAX_MEMBERS} entries")
        if member.issparse():  # it can claim any size, whatever the archive holds
            raise ArchiveRefused("CMP-05", f"{member.name} is a sparse file")
        members.append(member)
    return members


def _top(members: list[tarfile.TarInfo]) -> str:
    """Give the one directory that everything is in; its name means nothing (CMP-06)."""
    tops = sorted({member.name.removeprefix("./").partition("/")[0] for member in members} - {"", "."})
    if any(member.isfile() and "/" not in member.name.removeprefix("./") for member in members):
        raise ArchiveRefused("CMP-05", "a file stands beside the directory, not in it")
    for member in members:  # told first: such a name is worse than a second directory
        if member.name.startswith("/") or ".." in member.name.split("/"):
            raise ArchiveRefused("CMP-09", f"{member.name} leads out of the archive")
    if len(tops) != 1:
        raise ArchiveRefused("CMP-05", f"expected one directory, found {len(tops)}")
    return tops[0]


def _check_place(member: tarfile.TarInfo, top: str) -> None:
    if not (member.isfile() or member.isdir() or member.issym() or member.islnk()):
        raise ArchiveRefused("CMP-09", f"{member.name} is no file, directory or link")
    if member.issym() or member.islnk():
        # a symbolic link is resolved from where it stands, a hard link from the root of the archive
        base = posixpath.dirname(member.name) if member.issym() else ""
        target = posixpath.normpath(posixpath.join(base, member.linkname))
        if target != top and not target.startswith(f"{top}/"):
            raise ArchiveRefused("CMP-09", f"{member.name} links to {member.linkname}, outside the directory")


def _inflate(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        unpacked = stream.read(MAX_UNPACKED_BYTES + 1)
    if len(unpacked) > MAX_UNPACKED_BYTES:
        raise ArchiveRefused("CMP-05", f"more than {MAX_UNPACKED_BYTES} bytes unpacked")
    return unpacked


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return stream.read() if stream else b""
