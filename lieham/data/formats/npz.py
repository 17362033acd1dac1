"""`.npz` files of plain arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lieham.data.formats.guards import broken_means, not_empty
from lieham.errors import FileError


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Every array of an `.npz` file by its name; FileError for anything else. Pickled arrays are refused."""
    with broken_means("a whole .npz file of plain arrays", not_empty(path)), path.open("rb") as handle:
        file = np.load(handle, allow_pickle=False)
        if isinstance(file, np.ndarray):
            raise FileError(f"data must be an .npz file of named arrays, got {path}, a single array without a name")
        return {name: file[name] for name in file.files}
