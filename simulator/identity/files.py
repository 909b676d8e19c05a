"""Reading small files with bounds, and writing files whole or not at all, readable by their owner only."""

import os
import tempfile
from pathlib import Path

from simulator.identity.errors import CredentialError

MAX_FILE_BYTES = 1 << 20


def write_private(path: Path, data: bytes) -> None:
    """Replace a file by `data` in one step, with mode 0600, creating its folder when missing.

    A reader (and a power cut) sees either the old or the new content.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mkstemp makes the file 0600
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def read_file(file: Path, field: str) -> bytes:
    """Read a small file named by a user.

    Raises:
        CredentialError: it is missing, unreadable or larger than 1 MiB.
    """
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise CredentialError(file, field, "a readable file", error.strerror or type(error).__name__) from error
    if len(data) > MAX_FILE_BYTES:
        raise CredentialError(file, field, f"at most {MAX_FILE_BYTES} bytes", "more")
    return data
