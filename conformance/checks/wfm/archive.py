"""Bundles and compressed bodies, opened in memory and within bounds by the suite's own reading of the text."""

import gzip
import hashlib
import io
import tarfile
import zlib
from dataclasses import dataclass

from conformance.record.events import Exchange

MAX_BYTES = 64 * 1024 * 1024
MAX_MEMBERS = 10_000


class Unreadable(Exception):
    """Bytes that are not what they should be; the message says what was found."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What is in a bundle: plain files by name, and the names of everything that does not belong there."""

    files: dict[str, bytes]
    strangers: tuple[str, ...]


def content_digest(item: Exchange) -> str | None:
    """Give the digest of what was served, with its HTTP content coding undone; None when that cannot be told.

    It is that of the bytes as they came, also where secrets among them were replaced, or not all were recorded.
    Raises Unreadable for a body that is not coded as its header says.
    """
    if (item.response_header("Content-Encoding") or "identity").strip().lower() == "identity":
        return item.response.digest
    data = decoded(item)
    return None if data is None else f"sha256:{hashlib.sha256(data).hexdigest()}"


def decoded(item: Exchange) -> bytes | None:
    """Give the body of an answer with its HTTP content coding undone (DS-050); None when it was not recorded whole.

    In one that is not coded secrets may be replaced: for its digest there is `content_digest`.

    Raises Unreadable for a body that is not coded as its header says.
    """
    data = item.response.readable
    coding = (item.response_header("Content-Encoding") or "identity").strip().lower()
    if data is None or coding == "identity":
        return data
    if coding in ("gzip", "x-gzip"):
        return _inflated(data)
    if coding == "deflate":
        try:
            return zlib.decompress(data)
        except zlib.error as error:
            raise Unreadable(f"no deflated body: {error}") from None
    raise Unreadable(f"Content-Encoding {coding}, which was not asked for")


def opened(data: bytes) -> Archive:
    """Open a bundle (DS-019, DS-020). Raises Unreadable."""
    files: dict[str, bytes] = {}
    strangers: list[str] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(_inflated(data)), mode="r:") as archive:
            for number, member in enumerate(archive):
                if number >= MAX_MEMBERS:
                    raise Unreadable(f"more than {MAX_MEMBERS} members")
                name = member.name.removeprefix("./")
                if member.isdir() and name in ("", "."):
                    continue  # the root itself, which some tools write (AMB-X-10)
                if not member.isfile() or "/" in name or name in files:
                    strangers.append(member.name)
                    continue
                stream = archive.extractfile(member)
                files[name] = stream.read() if stream else b""
    except tarfile.TarError as error:
        raise Unreadable(f"no tar: {error}") from None
    return Archive(files, tuple(strangers))


def _inflated(data: bytes) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            unpacked = stream.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable(f"not gzip: {error}") from None
    if len(unpacked) > MAX_BYTES:
        raise Unreadable(f"more than {MAX_BYTES} bytes unpacked")
    return unpacked
