"""Arrays that do not fit are named with their file."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lieham.data import load, read, save
from lieham.errors import InputError
from systems import Springs
from tests.data.helpers import FORMATS, GOOD, NAN, over_formats, over_root_formats, says

pytestmark = pytest.mark.filterwarnings("error")
"""A user's terminal shows no warning of numpy's or torch's: not of read-only arrays, not of files left open."""


def bad(name: str, index: tuple, value: float) -> dict[str, np.ndarray]:
    x = GOOD[name].copy()
    x[index] = value
    return {name: x}


BAD_ARRAYS = {
    "no times": ({"times": None}, ("array times must be there", "got only")),
    "no q": ({"q": None}, ("array q must be there", "got only")),
    "no mass": ({"mass": None}, ("array mass must be there", "got only", 'read(path, masses="SE(2)")')),
    "unknown": ({"charge": GOOD["mass"]}, ("arrays must be among times, q, p", "got charge")),
    "both p and v": ({"v": GOOD["p"]}, ("must hold one of p, v", "got p, v")),
    "q of rank 2": ({"q": GOOD["q"][0, 0]}, ("q must be of shape (trajectories, time, n, d)", "got (3, 2)")),
    "p shorter": ({"p": GOOD["p"][:, 1:]}, ("p must be of shape (4, 6, 3, 2)", "got (4, 5, 3, 2)")),
    "p of rank 5": ({"p": GOOD["p"][None]}, ("p must be", "got (1, 4, 6, 3, 2)")),
    "times longer": ({"times": np.arange(7.0)}, ("times must be of shape (4, 6) or (6,)", "got (7,)")),
    "mass of others": ({"mass": np.ones(2)}, ("mass must be of shape (4, 3) or (3,)", "got (2,)")),
    "features flat": ({"features": np.ones(3)}, ("features must be of shape (4, 3, c) or (3, c)", "got (3,)")),
    "mask of others": ({"mask": np.ones((3, 4), bool)}, ("mask must be of shape (4, 3) or (3,)", "got (3, 4)")),
    "mask of halves": ({"mask": np.full((4, 3), 0.5)}, ("mask must be of True and False", "got 0.5")),
    "mask of nothing": ({"mask": np.zeros((4, 3), bool)}, ("mask must be True for at least one", "got a system")),
    "empty q": ({"q": np.zeros((0, 6, 3, 2))}, ("array q must be not empty", "got shape (0, 6, 3, 2)")),
    "complex q": ({"q": GOOD["q"] + 0j}, ("array q must be of real numbers", "got dtype complex128")),
    "NaN in q": (bad("q", (1, 2, 0, 1), NAN), ("q must be finite", "got nan at index (1, 2, 0, 1)")),
    "inf in p": (bad("p", (0, 0, 0, 0), np.inf), ("p must be finite", "got inf at index (0, 0, 0, 0)")),
    "NaN in times": (bad("times", (2, 1), NAN), ("times must be finite", "got nan at index (2, 1)")),
    "NaN in features": (bad("features", (2, 1, 0), NAN), ("features must be finite", "got nan")),
    "times fall": (bad("times", (3, 2), 0.0), ("times must be strictly increasing", "got", "index (3, 1)")),
    "a time twice": (bad("times", (3, 2), GOOD["times"][3, 1]), ("times must be strictly increasing", "(3, 1)")),
    "zero mass": (bad("mass", (2, 2), 0.0), ("mass must be finite and positive", "got 0")),
    "negative mass": (bad("mass", (2, 2), -1.5), ("mass must be finite and positive", "got -1.5")),
    "NaN mass": (bad("mass", (2, 2), NAN), ("mass must be finite and positive", "got nan")),
}


@over_formats
def test_a_file_without_momenta_is_one_of_positions(tmp_path, name):
    """They are estimated, the dataset says so, and so does its copy on disk; a file with momenta says nothing."""
    data = read(FORMATS[name](tmp_path / name, **{k: v for k, v in GOOD.items() if k != "p"}))
    assert data.provenance.observed == "positions"
    x = data.train
    assert torch.equal(x.p, type(x).from_positions(x.times, x.q, x.bodies).p)
    again = load(save(data, tmp_path / "again.h5"))
    assert again.provenance.observed == "positions" and torch.equal(again.train.p, x.p)
    assert read(FORMATS[name](tmp_path / f"whole-{name}", **GOOD)).provenance.observed == "exact"


@over_root_formats
def test_a_file_without_masses_is_read_where_they_are_asked_for(tmp_path, name):
    state, bodies = Springs(3, 2).sample(6, torch.Generator().manual_seed(0))
    bodies = bodies.map(lambda x: x[:1].expand_as(x))
    times = torch.linspace(0, 1, 20, dtype=torch.float64)
    q = Springs(3, 2).solve(state, bodies, times).q
    path = FORMATS[name](tmp_path / name, times=times.numpy(), q=q.numpy())
    data = read(path, masses="T(2)")
    mass = bodies.mass[0] / bodies.mass[0].mean()
    torch.testing.assert_close(data.train.bodies.mass[0], mass, rtol=1e-7, atol=0)
    assert data.provenance.masses == "T(2)" and data.provenance.observed == "positions"
    with pytest.raises(InputError, match="array mass must be there"):
        read(path)
    with pytest.raises(InputError, match="masses must not be asked for"):
        read(FORMATS[name](tmp_path / f"whole-{name}", **GOOD), masses="T(2)")


@over_formats
@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_wrong_arrays_are_named_with_their_file(tmp_path, name, case):
    changes, parts = BAD_ARRAYS[case]
    held = {y: z for y, z in (GOOD | changes).items() if z is not None}
    path = FORMATS[name](tmp_path / name, **held)
    says(InputError, lambda: read(path), str(path), *(["split train"] if "split" in name else []), *parts)


@over_formats
def test_what_the_wrong_arrays_were_made_from_is_read(tmp_path, name):
    data = read(FORMATS[name](tmp_path / name, **GOOD), (1.0, 0.0, 0.0))
    assert sorted(data.train.q.flatten().tolist()) == sorted(GOOD["q"].ravel().tolist())
