"""This module guards readers of strangers' files: whatever is wrong with a file becomes a clear error."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lieham._support.files import must_exist
from lieham.errors import FileError, LiehamError


def not_empty(path: str | Path) -> Path:
    """Return the path if it is a file that is not empty; raise FileError otherwise."""
    path = must_exist(path, "data")
    if not path.is_file():
        raise FileError(f"data must be a file, got {path}, which is a folder")
    if path.stat().st_size == 0:
        raise FileError(f"data must be a file of trajectories, got {path}, which is empty")
    return path


@contextmanager
def broken_means(kind: str, path: Path) -> Iterator[None]:
    """Turn any error that a reader raises into a FileError `data must be KIND`.

    A damaged file makes h5py, numpy and zipfile raise KeyError, TypeError, ValueError, MemoryError, zlib.error, ...
    """
    try:
        yield
    except LiehamError:
        raise
    except Exception as error:
        raise FileError(f"data must be {kind}, got {path}: {' '.join(str(error).split())}") from error
