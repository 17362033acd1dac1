"""Molecules of one's own, rotations, and baselines."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from lieham.data import PointClouds
from lieham.errors import InputError
from systems.molecules.baselines import linear_on_counts, mean_predictor
from systems.molecules.qm9 import clouds_of, random_rotations, split
from systems.molecules.qm9_targets import ELEMENTS, HARTREE, TARGETS
from tests.helpers.molecules import K, drawn, small


def distances(x: PointClouds) -> torch.Tensor:
    return torch.cdist(x.points, x.points)


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
