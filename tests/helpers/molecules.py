"""Random molecules, as rows of QM9's table and as files."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from systems.molecules.qm9 import MoleculeOptions, molecules
from systems.molecules.qm9_table import COLUMNS, PARTS
from systems.molecules.qm9_targets import ELEMENTS

K = 30
SYMBOLS = {z: name for name, z in ELEMENTS.items()}


def drawn(k: int = K) -> list[tuple[list[int], np.ndarray, dict[str, float]]]:
    """Molecules of 1 to 6 atoms; numbers with as many digits as QM9's."""
    rng = np.random.RandomState(1)
    found = []
    for i in range(k):
        z = [int(x) for x in rng.choice([1, 6, 7, 8, 9], 1 + i % 6)]
        found.append((z, rng.randn(len(z), 3).round(10), {name: round(float(rng.randn()), 6) for name in COLUMNS}))
    return found


def rows_of(made: list) -> list[dict[str, object]]:
    rows = []
    for i, (z, q, values) in enumerate(made):
        xyz = str(q.tolist()).replace(" ", "")
        elements = "[" + ",".join(f"'{SYMBOLS[x]}'" for x in z) + "]"
        rows.append({"Index": i + 1, "SMILES": "C,C", "Elements": elements, "XYZ_Ang": xyz, **values})
    return rows


def write(folder: Path, rows: list[dict[str, object]]) -> Path:
    """The three parts of qm9pack's layout, ten rows each."""
    folder.mkdir(exist_ok=True)
    for i, name in enumerate(PARTS):
        with (folder / name).open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0], quoting=csv.QUOTE_NONNUMERIC)
            writer.writeheader()
            writer.writerows(rows[10 * i : 10 * i + 10])
    return folder


def small(places: dict, target: str = "homo", n_train: int = 12, n_val: int = 5, n_test: int = 6, **options):
    seed = options.pop("seed", 0)
    return molecules(target, n_train, n_val, n_test, seed, MoleculeOptions(**places, **options))
