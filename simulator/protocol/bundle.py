"""Bundles: all deployments of a manifest as one gzip-compressed tar (DS-019, DS-020, DS-021).

Made reproducibly, so that equal content has an equal digest; unpacked into memory only, within bounds.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping

from simulator.protocol.documents import DocumentError

MAX_MEMBERS = 10_000
MAX_UNPACKED_BYTES = 64 * 1024 * 1024


def make_bundle(deployments: Mapping[str, bytes]) -> bytes:
    """Pack deployment YAMLs, keyed by deployment id, as `<deploymentId>.yaml` at the root (AMB-X-10).

    Raises ValueError without any deployment: an empty archive is never served (DS-015).
    """
    if not deployments:
        raise ValueError("a bundle holds at least one deployment (DS-015)")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for deployment_id in sorted(deployments):
            member = tarfile.TarInfo(f"{deployment_id}.yaml")
            member.size = len(deployments[deployment_id])
            member.mode = 0o644
            archive.addfile(member, io.BytesIO(deployments[deployment_id]))
    return gzip.compress(buffer.getvalue(), mtime=0)


def read_bundle(data: bytes) -> dict[str, bytes]:
    """The members of a bundle by name; nothing is written to disk.

    Raises DocumentError: no gzip tar, a member outside the root, a link or device, too many or too large members.
    """
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflate(data)), mode="r:") as archive:
            members: dict[str, bytes] = {}
            for member in archive:
                if member.isdir() and member.name in (".", "./"):
                    continue
                name = _member_name(member, members)  # checked before anything of it is read
                members[name] = _content(archive, member)
            return members
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DocumentError("bundle", "text", "a gzip-compressed tar", str(error)) from None


def _inflate(data: bytes) -> bytes:
    with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
        unpacked = stream.read(MAX_UNPACKED_BYTES + 1)
    if len(unpacked) > MAX_UNPACKED_BYTES:
        raise DocumentError("bundle", "size", f"at most {MAX_UNPACKED_BYTES} bytes unpacked", "more")
    return unpacked


def _member_name(member: tarfile.TarInfo, seen: Mapping[str, bytes]) -> str:
    name = member.name.removeprefix("./")
    # a sparse file can claim any size, whatever the archive holds
    if not member.isfile() or member.issparse() or not name or "/" in name or "\\" in name or name in (".", ".."):
        raise DocumentError(
            "bundle", member.name or "(member)", "a plain file at the root of the archive", "another kind"
        )
    if name in seen:
        raise DocumentError("bundle", name, "each member once", "a second member of that name")
    if len(seen) >= MAX_MEMBERS:
        raise DocumentError("bundle", "(members)", f"at most {MAX_MEMBERS} members", "more")
    return name


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return stream.read() if stream else b""
