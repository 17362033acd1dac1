"""Laws of molecules: the table is read whole and once, free atoms come off exactly, splits are nested."""

from __future__ import annotations

import csv
import math
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from lieham.data import PointClouds
from lieham.errors import FileError, InputError
from systems.molecules import qm9_table
from systems.molecules.baselines import linear_on_counts, mean_predictor
from systems.molecules.qm9 import MoleculeOptions, clouds_of, featurised, molecules, random_rotations, split
from systems.molecules.qm9_table import COLUMNS, PARTS, read_table
from systems.molecules.qm9_targets import ELEMENTS, HARTREE, TARGETS, count_elements

K = 30
SYMBOLS = {z: name for name, z in ELEMENTS.items()}
REFERRED = ("cv", "g", "h", "u", "u0")


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write(tmp_path / "source", rows_of(drawn()))


@pytest.fixture
def places(folder: Path, tmp_path: Path) -> dict[str, Path]:
    return {"source": folder, "cache": tmp_path / "cache"}


def small(places: dict, target: str = "homo", n_train: int = 12, n_val: int = 5, n_test: int = 6, **options):
    seed = options.pop("seed", 0)
    return molecules(target, n_train, n_val, n_test, seed, MoleculeOptions(**places, **options))


def cached(places: dict) -> Path:
    (path,) = places["cache"].glob("*.h5")
    return path


def distances(x: PointClouds) -> torch.Tensor:
    return torch.cdist(x.points, x.points)


# The table


def test_the_table_is_what_was_written_and_zero_where_padded(places):
    for table in (read_table(**places), read_table(**places)):
        assert len(table) == K and table.charges.shape == (K, 6)
        for i, (z, q, values) in enumerate(drawn()):
            n = len(z)
            assert table.charges[i].tolist() == z + [0] * (6 - n)
            assert torch.equal(table.positions[i, :n], torch.tensor(q, dtype=torch.float32))
            assert not table.positions[i, n:].any()
            assert {name: float(x[i]) for name, x in table.values.items()} == values


def test_numbers_that_json_does_not_know_are_read(folder, tmp_path):
    rows = rows_of(drawn())
    rows[3] |= {"Elements": "['C','H']", "XYZ_Ang": "[[0.,-1.,2.5],[1.e-3,0.,1.]]"}
    table = read_table(write(folder, rows), tmp_path / "cache")
    assert table.positions[3, :2].tolist() == torch.tensor([[0, -1, 2.5], [1e-3, 0, 1]]).tolist()


def test_it_is_converted_once_unless_source_or_settings_change(places, monkeypatch):
    calls = []
    converted = qm9_table._converted
    monkeypatch.setattr(qm9_table, "_converted", lambda paths: calls.append(0) or converted(paths))
    read_table(**places), read_table(**places)
    assert len(calls) == 1
    monkeypatch.setattr(qm9_table, "FORMAT", qm9_table.FORMAT + 1)
    read_table(**places)
    assert len(calls) == 2
    part = places["source"] / PARTS[2]
    data = bytearray(part.read_bytes())
    # The last digit of the last row, and as many bytes as before: a key of sizes would read the old file for ever.
    data[-3] = ord("0") + (data[-3] - ord("0") + 1) % 10
    part.write_bytes(data)
    changed = read_table(**places).values[COLUMNS[-1]][-1]
    assert len(calls) == 3 and float(changed) != drawn()[-1][2][COLUMNS[-1]]
    assert len(list(places["cache"].iterdir())) == 3


def test_the_cache_is_where_the_environment_says(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIEHAM_CACHE", str(tmp_path / "elsewhere"))
    read_table(folder)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    with pytest.raises(FileError, match="cache must be a folder"):
        read_table(folder, folder / PARTS[0])


def test_a_conversion_that_fails_leaves_no_file(places, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(h5py.Group, "create_dataset", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        read_table(**places)
    assert not list(places["cache"].iterdir())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def flip(path: Path) -> None:
    """One bit of the positions, which only a checksum shows."""
    with h5py.File(path) as file:
        at = file["positions"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[at + 5] ^= 1
    path.write_bytes(data)


def lose(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["values/HOMO_au"]


@pytest.mark.parametrize("damage", [cut, flip, lose, lambda path: path.write_bytes(b"")])
def test_a_damaged_cache_is_named_with_its_remedy(places, damage):
    small(places)
    path = cached(places)
    damage(path)
    with pytest.raises(FileError, match="remove it") as error:
        small(places)
    assert str(path) in str(error.value)
    path.unlink()
    small(places)


def test_without_the_package_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(qm9_table, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'lieham\[molecules\]'"):
        read_table(cache=tmp_path)


BROKEN = {
    "an element": ({"Elements": "['Cl','C','H','H']"}, "Cl"),
    "a coordinate missing": ({"XYZ_Ang": "[[0.0,1.0]]"}, "shape"),
    "a word": ({"HOMO_au": "much"}, "much"),
}


@pytest.mark.parametrize("change, says", BROKEN.values(), ids=BROKEN)
def test_a_row_without_a_molecule_is_named_by_its_line(folder, tmp_path, change, says):
    rows = rows_of(drawn())
    rows[13] |= change
    with pytest.raises(FileError, match=rf"{PARTS[1]}, whose line 5 does not.*{says}"):
        read_table(write(folder, rows), tmp_path / "cache")


def test_missing_files_and_columns_are_named(folder, tmp_path):
    with pytest.raises(FileError, match="source must be an existing"):
        read_table(tmp_path / "nowhere", tmp_path)
    rows = [{name: x for name, x in row.items() if name != "HOMO_au"} for row in rows_of(drawn())]
    with pytest.raises(FileError, match="column HOMO_au"):
        read_table(write(folder, rows), tmp_path)
    for name in PARTS:
        (folder / name).write_text(",".join(["Elements", "XYZ_Ang", *COLUMNS]) + "\n")
    with pytest.raises(FileError, match="hold none"):
        read_table(folder, tmp_path)
    (folder / PARTS[1]).unlink()
    with pytest.raises(FileError, match=PARTS[1]):
        read_table(folder, tmp_path)


# The dataset


@pytest.mark.parametrize("target", TARGETS)
def test_targets_are_the_columns_in_their_units_less_the_free_atoms(places, target):
    of = TARGETS[target]
    bare, less = (small(places, target, dtype=torch.float64, subtract_references=x).train for x in (False, True))
    order, made = split(K, 0, 12, 5, 6)["train"].tolist(), drawn()
    for k, i in enumerate(order):
        z, _, values = made[i]
        free = sum(of.references[list(ELEMENTS.values()).index(x)] for x in z)
        # Sums of 6 numbers below 1e2, times 27: some 1e-14 · 1e2 · 27.
        assert float(bare.targets[k]) == pytest.approx(values[of.column] * of.factor, abs=1e-13)
        assert float(less.targets[k]) == pytest.approx((values[of.column] - free) * of.factor, abs=1e-10)
    assert torch.equal(bare.targets, less.targets) == (target not in REFERRED)
    assert of.factor == (HARTREE if of.unit == "eV" else 1)


def test_references_are_those_of_the_atoms():
    methane = torch.tensor([[6, 1, 1, 1, 1, 0]])
    assert count_elements(methane).tolist() == [[4, 1, 0, 0, 0]]
    y = TARGETS["u0"].of(torch.tensor([-40.47893], dtype=torch.float64), methane, True)
    # QM9's first row: −40.47893 + 37.846772 + 4 · 0.500273 = −0.631066 hartree, by hand; hartrees are given to 1e-6.
    assert float(y) == pytest.approx(-0.631066 * HARTREE, abs=1e-9)


def test_splits_are_disjoint_nested_and_seeded():
    full = split(K, 0, 18, 5, 6)
    rows = torch.cat(list(full.values())).tolist()
    assert len(rows) == len(set(rows)) == 29
    few = split(K, 0, 4, 5, 6)
    assert torch.equal(few["train"], full["train"][:4])
    assert torch.equal(few["val"], full["val"]) and torch.equal(few["test"], full["test"])
    assert torch.equal(split(K, 0, 4, 5, 3)["test"], full["test"][-3:])
    other = split(K, 1, 18, 5, 6)
    assert all(not torch.equal(other[name], full[name]) for name in full)


def test_the_split_of_the_paper_stays():
    """RandomState(0).permutation, 100,000 and 17,748 and 13,083 of it."""
    rows = split(130_831, 0, 100_000, 17_748, 13_083)
    order = np.random.RandomState(0).permutation(130_831)
    assert [len(x) for x in rows.values()] == [100_000, 17_748, 13_083]
    assert np.array_equal(torch.cat(list(rows.values())).numpy(), order)
    assert rows["train"][:3].tolist() == [130_195, 68_784, 7_957]
    assert rows["test"][-3:].tolist() == [42_613, 43_567, 68_268]


def test_clouds_hold_their_molecules_and_their_provenance_every_setting(places):
    data = small(places, "u0", seed=3, augment="rotations")
    assert repr(data) == "CloudDataset(train=12, val=5, test=6)" and data.n_features == 15
    table = read_table(**places)
    for name, rows in split(K, 3, 12, 5, 6).items():
        clouds = getattr(data, name)
        assert torch.equal(clouds.mask, table.charges[rows] > 0)
        assert torch.equal(clouds.points, table.positions[rows])
        assert torch.equal(clouds.features, featurised(table.charges[rows]))
        assert {clouds.points.dtype, clouds.features.dtype, clouds.targets.dtype} == {torch.float32}
    about = {"target": "u0", "unit": "eV", "extensive": True, "seed": 3, "augment": "rotations"}
    about |= {"n_train": 12, "n_val": 5, "n_test": 6, "subtract_references": True, "dtype": "torch.float32"}
    assert about.items() <= data.provenance.as_dict().items()
    assert data.provenance.settings["references"] == [x * HARTREE for x in TARGETS["u0"].references]
    assert not any(small(places, "u0", subtract_references=False).provenance.settings["references"])
    assert data.augment is random_rotations and small(places).augment is None
    assert small(places, n_val=0).val is None


def test_features_are_the_element_times_powers_of_its_charge():
    x = featurised(torch.tensor([1, 6, 7, 8, 9, 0]), torch.float64)
    want = torch.zeros(6, 15, dtype=torch.float64)
    for i, z in enumerate(ELEMENTS.values()):
        want[i, 3 * i : 3 * i + 3] = torch.tensor([1, z / 9, (z / 9) ** 2], dtype=torch.float64)
    assert torch.allclose(x, want, rtol=1e-15, atol=0)


BAD = {
    "target": ({"target": "energy"}, "target must be one of alpha, gap"),
    "augment": ({"augment": "flips"}, "augment must be '' or 'rotations', got 'flips'"),
    "dtype": ({"dtype": torch.int64}, "dtype must be torch.float32 or torch.float64"),
    "too many": ({"n_train": 20}, "must be at most 30, the molecules that there are, got 31"),
    "negative": ({"n_val": -1}, "n_val must be an integer of at least 0"),
    "none": ({"n_train": 0, "n_val": 0, "n_test": 0}, "must not all be 0"),
    "seed": ({"seed": -1}, "seed must be an integer from 0"),
}


@pytest.mark.parametrize("options, says", BAD.values(), ids=BAD)
def test_a_bad_setting_is_one_sentence(places, options, says):
    with pytest.raises(InputError, match=says) as error:
        small(places, **options)
    assert "\n" not in str(error.value)


# One's own molecules, rotations, baselines


def test_ones_own_molecules_become_the_same_clouds(places):
    rows, made = split(K, 0, 12, 5, 6)["test"].tolist(), drawn()
    own = clouds_of(
        [made[i][0] for i in rows],
        [made[i][1] for i in rows],
        [made[i][2][TARGETS["homo"].column] * HARTREE for i in rows],
    )
    theirs = small(places).test[:]
    for name, x in vars(theirs).items():
        assert torch.equal(x, getattr(own[:], name)), name


WATER = ([8, 1, 1], [[0.0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]], 1.0)
OWN = {
    "element": (([8, 17, 1], WATER[1], 1.0), r"charges\[1\] must be numbers of protons .*got Z = 17"),
    "half an element": (([8, 1.5, 1], WATER[1], 1.0), r"charges\[1\] .*got Z = 1\.5"),
    "a padded atom": (([8, 1, 0], WATER[1], 1.0), r"charges\[1\] .*got Z = 0"),
    "symbols": ((["O", "H", "H"], WATER[1], 1.0), r"charges\[1\] must be an array of numbers"),
    "no atom": (([], np.zeros((0, 3)), 1.0), r"charges\[1\] .*at least one atom"),
    "shape": ((WATER[0], WATER[1][:2], 1.0), r"positions\[1\] must be of shape \(3, 3\)"),
    "ragged": ((WATER[0], [[0.0], [0, 1, 2], [1]], 1.0), r"positions\[1\] must be an array of numbers"),
    "infinite": ((WATER[0], [[math.inf, 0, 0], *WATER[1][1:]], 1.0), r"positions\[1\] must be finite"),
    "target": ((WATER[0], WATER[1], math.nan), "targets must be finite"),
}


@pytest.mark.parametrize("molecule, says", OWN.values(), ids=OWN)
def test_a_bad_molecule_is_named_in_one_sentence(molecule, says):
    clouds_of(*zip(WATER, WATER, strict=True))
    with pytest.raises(InputError, match=says) as error:
        clouds_of(*zip(WATER, molecule, strict=True))
    assert "\n" not in str(error.value)


def test_lists_of_molecules_that_do_not_fit_are_named():
    z, q, y = WATER
    with pytest.raises(InputError, match="positions must be of 2 molecules like charges, got 1"):
        clouds_of([z, z], [q], [y, y])
    with pytest.raises(InputError, match="targets must be of 2 molecules like charges, got 3"):
        clouds_of([z, z], [q, q], [y] * 3)
    with pytest.raises(InputError, match="at least one molecule"):
        clouds_of([], [], [])


def test_rotations_keep_distances_and_targets_and_move_all_else(places):
    x = small(places, dtype=torch.float64).train
    y = random_rotations(x, torch.Generator().manual_seed(0))
    assert torch.allclose(distances(y), distances(x), atol=1e-12)
    for name in ("features", "mask", "targets"):
        assert torch.equal(getattr(y, name), getattr(x, name)), name
    assert not y.points[~y.mask].any()
    moved = (y.points - x.points)[x.mask].norm(dim=-1)
    assert float(moved.min()) > 1e-3
    assert torch.equal(y.points, random_rotations(x, torch.Generator().manual_seed(0)).points)
    assert not torch.equal(y.points, random_rotations(x, torch.Generator().manual_seed(1)).points)


def test_rotations_are_proper_uniform_and_of_each_cloud_its_own():
    k = 4000
    frame = torch.eye(3, dtype=torch.float64).expand(k, 3, 3)
    x = PointClouds.of(frame, torch.ones(k, 3, 1, dtype=torch.float64), torch.zeros(k, dtype=torch.float64))
    y = random_rotations(x, torch.Generator().manual_seed(0)).points
    assert torch.allclose(torch.linalg.det(y), torch.ones(k, dtype=torch.float64))
    # Of Haar measure every entry has mean 0 and mean square 1/3; 5 standard errors, √(1/3k) and √(4/45k).
    assert float(y.mean(0).abs().max()) < 5 * math.sqrt(1 / (3 * k))
    assert float((y.square().mean(0) - 1 / 3).abs().max()) < 5 * math.sqrt(4 / (45 * k))


def test_rotations_of_clouds_in_a_plane_are_refused():
    x = PointClouds.of(torch.zeros(2, 3, 2), torch.ones(2, 3, 1), torch.zeros(2))
    with pytest.raises(InputError, match="dimension of clouds must be 3, got 2"):
        random_rotations(x, torch.Generator())


def test_baselines_are_exact_for_what_they_can_say_and_not_for_more():
    made = drawn(200)
    charges = [z for z, *_ in made]
    weights = dict(zip(ELEMENTS.values(), (1.0, -2.0, 3.0, 0.5, 4.0), strict=True))
    linear = [7 + sum(weights[x] for x in z) for z in charges]
    positions = [q for _, q, _ in made]

    def halves(y: list[float]) -> tuple[PointClouds, PointClouds]:
        clouds = clouds_of(charges, positions, y, torch.float64)
        return clouds[:100], clouds[100:]

    # Least squares of 100 equations in float64: 1e-12 of numbers about 10.
    assert linear_on_counts(*halves(linear)) < 1e-10 < mean_predictor(*halves(linear))
    assert linear_on_counts(*halves([y * y for y in linear])) > 0.1
    # Free atoms are linear in the counts, so what they take off is nothing to this floor.
    curved = [math.sin(sum(z)) for z in charges]
    other = [y + u for y, u in zip(curved, linear, strict=True)]
    assert linear_on_counts(*halves(curved)) == pytest.approx(linear_on_counts(*halves(other)), abs=1e-10)
    assert mean_predictor(*halves([3.0] * 200)) == 0
    train, test = halves([float(i % 3 == 0) for i in range(200)])
    assert mean_predictor(train, test) == pytest.approx(float(test.targets.mean()))


# The package itself


@pytest.mark.skipif(find_spec("qm9pack") is None, reason="qm9pack is not installed")
def test_the_first_thousand_rows_of_qm9_are_plausible(tmp_path):
    """Laws of physics between columns, so that none is mistaken for another."""
    origin = Path(find_spec("qm9pack").submodule_search_locations[0]) / "data"
    (tmp_path / "source").mkdir()
    for name in PARTS:
        with (origin / name).open() as file:
            (tmp_path / "source" / name).write_text("".join(islice(file, 1001)))
    table = read_table(tmp_path / "source", tmp_path)
    assert len(table) == 3000
    assert table.charges[0].tolist()[:6] == [6, 1, 1, 1, 1, 0]
    y = {name: target.of(table.values[target.column], table.charges, False) for name, target in TARGETS.items()}
    # Columns have 4 digits after the point in hartree, thermal energies 6; H − U = kT at 298.15 K.
    assert torch.allclose(y["gap"], y["lumo"] - y["homo"], atol=1.1e-4 * HARTREE)
    kT = 8.617333262e-5 * 298.15
    assert torch.allclose(y["h"] - y["u"], torch.full_like(y["u"], kT), atol=1.1e-6 * HARTREE)
    assert not torch.allclose(y["h"] - y["u0"], torch.full_like(y["u"], kT), atol=1.1e-3 * HARTREE)
    assert bool((y["u0"] < y["u"]).all()) and bool((y["g"] < y["h"]).all()) and bool((y["homo"] < y["lumo"]).all())
    for name in ("alpha", "cv", "r2", "zpve"):
        assert float(y[name].min()) > 0, name
    real = table.charges > 0
    pairs = real[:, :, None] & real[:, None] & ~torch.eye(real.shape[1], dtype=torch.bool)
    near = torch.cdist(table.positions, table.positions)[pairs]
    assert 0.9 < float(near.min()) < 1.2, "no bond is shorter than that of O and H, 0.96 Å"
    bound = TARGETS["u0"].of(table.values["InternalEnergy_0K_au"], table.charges, True)
    assert float(bound.max()) < -9, "water is the least bound of them"
