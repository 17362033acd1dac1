"""QM9's table: read from the text files of qm9pack, converted once to HDF5 and read from there."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import h5py
import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from lieham._support.files import must_exist, replacing
from lieham.data.formats.hdf5 import opened
from lieham.errors import FileError, InputError
from lieham.typing import Float, Int, Tensor
from systems.molecules.qm9_targets import ELEMENTS, SOURCE, TARGETS

FORMAT = 1
"""The number of the converted file's format; another one makes another file."""

PARTS = tuple(f"qm9_part{i}.csv" for i in (1, 2, 3))
COLUMNS = tuple(target.column for target in TARGETS.values())
CHUNK = 1024


@dataclass(frozen=True)
class Table:
    """k molecules of at most n atoms, in the order of QM9.

    Args:
        charges: numbers of protons (k, n), 0 where padded.
        positions: coordinates (k, n, 3) in angstrom.
        values: columns (k,) by their names in the table, in float64 and the table's units.
    """

    charges: Int[Tensor, "k n"]
    positions: Float[Tensor, "k n 3"]
    values: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.charges)


def read_table(source: str | Path | None = None, cache: str | Path | None = None) -> Table:
    """Read QM9's table, which is converted at the first call and read from `cache` afterwards.

    The name of the converted file holds a hash of the source's content and of all that shapes its own, so no other
    table is ever read from it; it is written whole or not at all. Positions are float32, which rounds a coordinate by
    less than 1e-6 Å; at the slope of 1 eV/Å this moves an energy by less than its last digit in the table.

    Args:
        source: the folder of qm9_part1.csv to qm9_part3.csv, by default that of the package qm9pack.
        cache: the folder of the converted file, by default `$LIEHAM_CACHE` or else ~/.cache/lieham.

    Returns:
        The table.

    Raises:
        InputError: neither `source` nor the package is there.
        FileError: a file is missing, damaged or of another kind.
    """
    paths = [must_exist(_folder(source) / name, "QM9's table") for name in PARTS]
    path = _cache_folder(cache) / f"qm9-{_key(paths)}.h5"
    if not path.exists():
        _write(_converted(paths), path)
    return _read(path)


def _folder(source: str | Path | None) -> Path:
    if source is not None:
        return must_exist(source, "source")
    found = find_spec("qm9pack")
    if found is None or not found.submodule_search_locations:
        raise InputError(
            "QM9 is in the package qm9pack, which is not installed: run `pip install 'lieham[molecules]'`, "
            "or give the folder of its files as source"
        )
    return Path(found.submodule_search_locations[0]) / "data"


def _cache_folder(cache: str | Path | None) -> Path:
    folder = Path(cache or os.environ.get("LIEHAM_CACHE") or "~/.cache/lieham").expanduser()
    if folder.exists() and not folder.is_dir():
        raise FileError(f"cache must be a folder, got {folder}, which is a file")
    return folder


def _key(paths: list[Path]) -> str:
    """Return a hash of everything that shapes the converted file."""
    settings = {"format": FORMAT, "columns": COLUMNS, "elements": ELEMENTS, "positions": "float32"}
    digest = hashlib.sha256(json.dumps(settings).encode())
    for path in paths:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _converted(paths: list[Path]) -> Table:
    molecules = [molecule for path in paths for molecule in _molecules(path)]
    if not molecules:
        raise FileError(f"QM9's table must hold molecules, got {paths[0].parent}, whose files hold none")
    columns = torch.tensor([values for _, _, values in molecules], dtype=torch.float64).unbind(1)
    return Table(
        pad_sequence([charges for charges, _, _ in molecules], batch_first=True),
        pad_sequence([positions for _, positions, _ in molecules], batch_first=True),
        dict(zip(COLUMNS, columns, strict=True)),
    )


def _molecules(path: Path) -> Iterator[tuple[Tensor, Tensor, list[float]]]:
    """Charges, positions and values of every row; FileError naming the line that holds no molecule."""
    with path.open(newline="") as file:
        rows = csv.reader(file)
        header = next(rows, [])
        if missing := [name for name in ("Elements", "XYZ_Ang", *COLUMNS) if name not in header]:
            raise FileError(f"QM9's table must have a column {missing[0]}, got {path} without it")
        elements, xyz, *columns = (header.index(name) for name in ("Elements", "XYZ_Ang", *COLUMNS))
        for row in rows:
            try:
                charges = torch.tensor([ELEMENTS[symbol] for symbol in _items(row[elements])])
                # Not JSON: five rows have numbers such as `0.`, which JSON does not know.
                flat = torch.tensor([float(x) for x in _items(row[xyz])], dtype=torch.float32)
                yield charges, flat.reshape(len(charges), 3), [float(row[i]) for i in columns]
            except (LookupError, ValueError, RuntimeError) as error:
                where = f"{path}, whose line {rows.line_num} does not"
                raise FileError(f"QM9's table must hold a molecule in every row, got {where}: {error}") from error


_QUOTES = str.maketrans("", "", "[]'\" ")


def _items(text: str) -> list[str]:
    """Of a list of lists as Python prints it, all items in a row."""
    return text.translate(_QUOTES).split(",")


def _write(table: Table, path: Path) -> None:
    """Checksums are kept of every chunk, so that a damaged file is told from a whole one."""
    with replacing(path) as temporary, h5py.File(temporary, "w") as file:
        file.attrs.update({"source": SOURCE, "positions": "angstrom", "values": "as in the source"})
        arrays = {"charges": table.charges.to(torch.uint8), "positions": table.positions}
        for name, x in (arrays | {f"values/{name}": x for name, x in table.values.items()}).items():
            chunks = (min(CHUNK, len(x)), *x.shape[1:])
            file.create_dataset(name, data=x.numpy(), chunks=chunks, fletcher32=True)


def _read(path: Path) -> Table:
    try:
        with opened(path) as file:
            charges = torch.from_numpy(file["charges"][()].astype(np.int64))
            positions = torch.from_numpy(file["positions"][()])
            return Table(charges, positions, {name: torch.from_numpy(file[f"values/{name}"][()]) for name in COLUMNS})
    except FileError as error:
        raise FileError(f"{error}; remove it, and the next call makes it anew") from error
