"""Checks of what a user gave, made before anything is started or written."""

import os
from pathlib import Path

from conformance.cli.problems import Misuse


def check_folder(option: str, path: Path) -> None:
    """Refuse a folder that cannot be written or made. Raises Misuse."""
    nearest = nearest_of(path)
    if not nearest.is_dir():
        raise Misuse("file-exists", f"{option} {path}: expected a folder, found the file {nearest}", "choose another")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise Misuse(
            "permission", f"{option} {path}: {nearest} cannot be written", "choose a folder that you may write"
        )


def nearest_of(path: Path) -> Path:
    """Give the path itself, or the nearest of its parents that exists."""
    return next(item for item in (path, *path.absolute().parents) if item.exists())
