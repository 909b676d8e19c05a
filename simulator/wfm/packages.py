"""Application packages: a directory or tar.gz with `margo.yaml` and the resources it names (REG-06, REG-10).

Every error names the file, the field, what was expected and what was found.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from simulator.protocol.application import DESCRIPTION_FILE, ApplicationDescription
from simulator.protocol.documents import DocumentError, parse_yaml

MAX_FILES = 200
MAX_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Package:
    """An application package. `raw` is the description as written; what is passed on to devices comes from it."""

    description: ApplicationDescription
    raw: Mapping[str, Any]
    files: Mapping[str, bytes]

    @property
    def key(self) -> tuple[str, str]:
        """Application id and version."""
        return self.description.id, self.description.metadata.version

    def to_archive(self) -> bytes:
        """The package as tar.gz, always the same bytes for the same files."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for name in sorted(self.files):
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(self.files[name]), 0o644
                archive.addfile(member, io.BytesIO(self.files[name]))
        return gzip.compress(buffer.getvalue(), mtime=0)


def load_directory(folder: Path) -> Package:
    """Read a package from a directory; links are not followed. Raises DocumentError."""
    if not folder.is_dir():
        raise DocumentError(str(folder), "(package)", "a directory", "a file" if folder.exists() else "nothing")
    files: dict[str, bytes] = {}
    total = 0
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise DocumentError(str(path), "(file)", "a plain file", "a symbolic link")
        if path.is_file():
            total += path.stat().st_size
            _check_bounds(str(folder), len(files) + 1, total)
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    return _package(files, f"{folder}/")


def load_archive(data: bytes, name: str = "package.tar.gz") -> Package:
    """Read a package from a tar.gz into memory; one common top directory is taken off. Raises DocumentError."""
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflated(data, name)), mode="r:") as archive:
            for member in archive:
                if member.isdir():
                    continue
                path = _safe_name(member, name)
                if path in files:
                    raise DocumentError(name, path, "each file once", "a second file of that name")
                _check_bounds(name, len(files) + 1, 0)
                stream = archive.extractfile(member)
                files[path] = stream.read() if stream else b""
    except (tarfile.TarError, OSError, EOFError, zlib.error) as error:
        raise DocumentError(name, "text", "a gzip-compressed tar", str(error)) from None
    return _package(_without_top(files), f"{name}:")


def _package(files: Mapping[str, bytes], where: str) -> Package:
    """Check a package's files against its description."""
    file = f"{where}{DESCRIPTION_FILE}"
    if DESCRIPTION_FILE not in files:
        raise DocumentError(file, "(file)", "the application description", "no such file")
    raw = parse_yaml(files[DESCRIPTION_FILE], file)
    description = ApplicationDescription.from_wire(raw, file)
    catalogued = description.metadata.catalog.application
    for resource in catalogued.resources if catalogued else ():
        if PurePosixPath(resource).as_posix() not in files:
            field = "metadata.catalog.application"
            raise DocumentError(file, field, f"the file {resource} in the package", "no such file")
    return Package(description, raw, files)


def _inflated(data: bytes, name: str) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        unpacked = stream.read(MAX_BYTES + 1)
    _check_bounds(name, 0, len(unpacked))
    return unpacked


def _check_bounds(name: str, files: int, size: int) -> None:
    if files > MAX_FILES:
        raise DocumentError(name, "(files)", f"at most {MAX_FILES} files", "more")
    if size > MAX_BYTES:
        raise DocumentError(name, "(size)", f"at most {MAX_BYTES} bytes unpacked", "more")


def _safe_name(member: tarfile.TarInfo, name: str) -> str:
    """The path of a plain file that stays within the package (CMP-09)."""
    path = PurePosixPath(member.name)
    if not member.isfile() or member.issparse():  # a sparse file can claim any size
        raise DocumentError(name, member.name, "plain files only", "a link or special file")
    if path.is_absolute() or ".." in path.parts or "\\" in member.name:
        raise DocumentError(name, member.name, "a path within the package", "one that leaves it")
    return path.as_posix()


def _without_top(files: Mapping[str, bytes]) -> dict[str, bytes]:
    tops = {name.partition("/")[0] for name in files}
    if DESCRIPTION_FILE in files or len(tops) != 1:
        return dict(files)
    return {name.partition("/")[2]: body for name, body in files.items()}
