"""Where the durable state is kept: a file that is whole after any power cut, or memory for simulation (DS-031, DS-075).

The file is written anew beside the old one, flushed, renamed over it, and the folder is flushed; a checksum over the
content tells a damaged file, which is treated as lost state (MM-06).
"""

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Protocol

from simulator.device.durable import FORMAT, DamagedState, Durable, from_json, to_json
from simulator.protocol.digest import digest_of
from simulator.protocol.documents import canonical_json

STATE_FILE = "state.json"


class Storage(Protocol):
    """Keeps one durable state. `full`: writing fails as on a full disk (PF-09); `slow`: writing waits for a disk."""

    full: bool
    slow: bool

    def load(self) -> Durable | None:
        """The state stored last, None when there is none; raises DamagedState."""
        ...

    def save(self, state: Durable) -> None:
        """Store a state; afterwards it survives a power cut. Raises OSError, and then the former state is kept."""
        ...

    def erase(self) -> None:
        """Forget everything."""
        ...

    def damage(self) -> None:
        """Corrupt what is stored, as tampering does (MM-06)."""
        ...


class MemoryStorage:
    """Keeps the state as the object it is: for simulation, where only the order of effects counts."""

    slow = False

    def __init__(self) -> None:
        self.full = False
        self._state: Durable | None = None
        self._damaged = False

    def load(self) -> Durable | None:
        """The state stored last; raises DamagedState after `damage`."""
        if self._damaged:
            raise DamagedState("stored state: damaged")
        return self._state

    def save(self, state: Durable) -> None:
        """Store a state; raises OSError when `full`."""
        _refuse_when(self.full)
        self._state, self._damaged = state, False

    def erase(self) -> None:
        """Forget everything."""
        self._state, self._damaged = None, False

    def damage(self) -> None:
        """Make the next load fail."""
        self._damaged = True


class FileStorage:
    """Keeps the state in `state.json` of a folder, which is made when it is not there."""

    slow = True

    def __init__(self, folder: Path) -> None:
        self.full = False
        self._folder = folder
        self._file = folder / STATE_FILE

    def load(self) -> Durable | None:
        """Read the file; raises DamagedState when it is not one that `save` wrote whole."""
        try:
            document = json.loads(self._file.read_bytes())
            stored, state = document["digest"], document["state"]
            if document["format"] != FORMAT:
                raise DamagedState(f"{self._file}: format: expected {FORMAT}, found {document['format']!r}")
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            if isinstance(error, DamagedState):
                raise
            raise DamagedState(
                f"{self._file}: expected a stored state, found {type(error).__name__}: {error}"
            ) from None
        found = digest_of(canonical_json(state))
        if found != stored:
            raise DamagedState(f"{self._file}: digest: expected {stored}, found {found}")
        return from_json(state)

    def save(self, state: Durable) -> None:
        """Write the file crash-safely; raises OSError, and then the former file is as it was."""
        _refuse_when(self.full)
        self._folder.mkdir(parents=True, exist_ok=True)
        content = to_json(state)
        document = {"format": FORMAT, "digest": digest_of(canonical_json(content)), "state": content}
        temporary = self._file.with_suffix(".tmp")
        try:
            handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(canonical_json(document))
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._file)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            raise
        self._flush_folder()

    def erase(self) -> None:
        """Remove the file."""
        self._file.unlink(missing_ok=True)
        if self._folder.is_dir():
            self._flush_folder()

    def damage(self) -> None:
        """Overwrite a few bytes in the middle of the file, if there is one."""
        if self._file.exists():
            data = bytearray(self._file.read_bytes())
            middle = len(data) // 2
            data[middle : middle + 8] = b"\x00" * 8
            self._file.write_bytes(data)

    def _flush_folder(self) -> None:
        handle = os.open(self._folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _refuse_when(full: bool) -> None:
    if full:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
