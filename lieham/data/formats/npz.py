"""This module reads the format `.npz`, which holds plain arrays of NumPy, without splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lieham.data.formats.contents import Contents, Format
from lieham.data.formats.guards import broken_means, not_empty
from lieham.errors import FileError


def read_npz(path: Path) -> Contents:
    """Read every array of an `.npz` file by its name.

    Raises:
        FileError: the file is missing, empty or damaged, holds a single array without a name, or pickled objects,
            which are never loaded since that would execute code.
    """
    with broken_means("a whole .npz file of plain arrays", not_empty(path)), path.open("rb") as handle:
        file = np.load(handle, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise FileError(f"data must be an .npz file of named arrays, got {path}, a single array without a name")
        return Contents({"": {name: file[name] for name in file.files}})


NPZ = Format((".npz",), read_npz)
