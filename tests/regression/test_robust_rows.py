"""Rows that are divided by bodies: their errors, their weights, and the windows that are held out together."""

from __future__ import annotations

from dataclasses import replace

import torch

from lieham.regression.cross_validation import _folds, choose
from lieham.regression.dictionary import Columns
from lieham.regression.problem import RidgeProblem, posed

EACH = 4
"""Rows of a body."""


def problem(spoil: float = 0.0, noise: float = 1e-3, mask: torch.Tensor | None = None) -> RidgeProblem:
    """30 windows of 3 bodies, 4 rows each, that tell 4 coefficients 1, 2, 3, 4; one body of one window is spoiled."""
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(30, 3 * EACH, 4, generator=generator, dtype=torch.float64)
    y = A @ torch.arange(1.0, 5.0, dtype=torch.float64)
    y = y + noise * torch.randn(y.shape, generator=generator, dtype=torch.float64)
    y[7, EACH : 2 * EACH] += spoil
    found = posed(A, y, Columns(torch.arange(4), torch.eye(1, dtype=torch.float64)), y.numel())
    found.mask, found.ridge = torch.ones(30, 3, dtype=torch.bool) if mask is None else mask, 1e-12
    return found


def coefficients(x: RidgeProblem) -> torch.Tensor:
    x.decompose(x.ridge)
    return x.solution() / x.scale


def shift(spoil: float, robust: bool) -> float:
    """How far spoiled rows move the coefficients from those without."""
    found = []
    for x in (problem(), problem(spoil)):
        if robust:
            x.weigh_down()
        found.append(coefficients(x))
    return (found[1] - found[0]).norm().item()


def test_one_spoiled_body_changes_little():
    """An outlier, however large, moves the solution by less than noise does; plain least squares follow it."""
    for spoil in (1.0, 1e3, 1e6):
        assert shift(spoil, robust=True) < 1e-3
        assert shift(spoil, robust=False) > 5e-3 * spoil


def test_the_spoiled_body_alone_loses_its_weight():
    weight = problem(1e3).weigh_down()
    assert weight[7, 1] < 1e-4
    others = weight.clone()
    others[7, 1] = 1.0
    assert others.min() > 0.05 and weight.max() == 1


def test_padded_bodies_keep_their_weight_and_do_not_count():
    mask = torch.ones(30, 3, dtype=torch.bool)
    mask[:, 2] = False
    x = problem(1e3, mask=mask)
    x.A[:, 2 * EACH :], x.y[:, 2 * EACH :] = 0.0, 0.0
    weight = x.weigh_down()
    assert torch.equal(weight[:, 2], torch.ones(30).double()) and weight[7, 1] < 1e-4


def test_exact_rows_keep_their_weight():
    """Rows that are explained to round-off still tell the coefficients."""
    x = problem(noise=0.0)
    x.weigh_down()
    torch.testing.assert_close(coefficients(x), torch.arange(1.0, 5.0).double(), rtol=1e-10, atol=0)


def test_rows_that_are_not_divided_keep_their_weight():
    x = replace(problem(1e3), mask=None)
    before = x.y.clone()
    assert x.weigh_down() is None and torch.equal(x.y, before)


def test_parts_are_means_over_each_body_s_rows():
    x = problem(noise=1.0)
    got, rows = x.parts(x.y), x.y.unflatten(1, (3, EACH))
    torch.testing.assert_close(got, torch.stack([rows[w, i].square().mean() for w in range(30) for i in range(3)]))
    x.mask = x.mask.clone()
    x.mask[:, 0] = False
    torch.testing.assert_close(x.parts(x.y), got.view(30, 3)[:, 1:].flatten())
    torch.testing.assert_close(replace(x, mask=None).parts(x.y), got.view(30, 3).mean(1))


def test_windows_of_one_origin_are_held_out_together():
    x = problem()
    origin = torch.arange(30) // 3 * 17
    folds = _folds(replace(x, fold=origin))
    assert len(folds.unique()) == 5
    for k in origin.unique():
        assert len(folds[origin == k].unique()) == 1
    assert len(_folds(x)[:3].unique()) == 3, "without origins neighbours are divided"


def test_copies_of_a_window_do_not_tell_of_each_other():
    """Ten origins of three equal windows: a column for every origin predicts copies, and not what is held out."""
    generator = torch.Generator().manual_seed(1)
    own = torch.eye(10, dtype=torch.float64).repeat_interleave(3, 0)[:, None] * torch.ones(1, 6, 1).double()
    law = torch.randn(10, 6, 1, generator=generator, dtype=torch.float64).repeat_interleave(3, 0)
    luck = torch.randn(10, 1, generator=generator, dtype=torch.float64).repeat_interleave(3, 0)
    A, y = torch.cat([law, own], -1), law[..., 0] + luck
    rows = posed(A, y, Columns(torch.arange(11), torch.eye(1, dtype=torch.float64)), y.numel())
    rank = torch.cat([torch.zeros(1), torch.ones(10)])
    together = choose(replace(rows, fold=torch.arange(30) // 3), rank, [0.0, 1.0])
    apart = choose(rows, rank, [0.0, 1.0])
    assert together.columns.sum() == 1 and apart.columns.sum() == 11
    assert apart.left < together.left - 5, "copies in other folds look like a law that is found"
