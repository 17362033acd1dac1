"""This module writes files that are whole or absent: under a temporary name first, which is then renamed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lieham.errors import FileError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` on success, remove it on failure."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def must_exist(path: str | Path, what: str) -> Path:
    """Return the path if a file or folder is there; raise FileError naming `what` otherwise."""
    path = Path(path)
    if not path.exists():
        raise FileError(f"{what} must be an existing file or folder, got {path}")
    return path


def new_path(path: str | Path, overwrite: bool) -> Path:
    """Return the path if it may be written; raise FileError if a file is there and `overwrite` is False."""
    path = Path(path)
    if path.exists() and not overwrite:
        raise FileError(f"file must be a new one, got {path}, which exists: remove it or say overwrite=True")
    return path


def write_json(path: str | Path, value: object) -> None:
    """Write a value as a JSON file, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n")


def read_json(path: str | Path, what: str) -> dict:
    """Read a JSON file; raise FileError, naming `what`, if it is missing or not JSON."""
    try:
        return json.loads(must_exist(path, what).read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise FileError(f"{what} must be JSON, got {path}, which is not: {error}") from error
