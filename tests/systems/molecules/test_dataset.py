"""The dataset of molecules: targets, references, splits, clouds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lieham.errors import InputError
from systems.molecules.qm9 import featurised, random_rotations, split
from systems.molecules.qm9_table import read_table
from systems.molecules.qm9_targets import ELEMENTS, HARTREE, TARGETS, count_elements
from tests.helpers.molecules import K, drawn, small

REFERRED = ("cv", "g", "h", "u", "u0")


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
