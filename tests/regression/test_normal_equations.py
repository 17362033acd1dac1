"""Many columns are solved by normal equations, which give what decompositions of the rows give."""

from __future__ import annotations

import pytest
import torch

from lieham.regression import cross_validation, problem
from lieham.regression.cross_validation import RIDGES, choose
from lieham.regression.dictionary import Columns
from lieham.regression.gram import LEAST_RIDGE, gram, held_out
from lieham.regression.problem import posed


def rows(columns=30, windows=40, each=8, noise=1e-3):
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(windows, each, columns, generator=generator, dtype=torch.float64)
    A = A * torch.logspace(0, -4, columns, dtype=torch.float64)
    z = torch.randn(columns, generator=generator, dtype=torch.float64)
    z[12:] = 0
    y = A @ z + noise * torch.randn(windows, each, generator=generator, dtype=torch.float64)
    return posed(A, y, Columns(torch.arange(columns), torch.ones(1, 1, dtype=torch.float64)), windows * each)


def test_parts_of_rows_add_up():
    x = rows()
    G, b = gram(x.A, x.y)
    A = x.A.flatten(0, 1)
    torch.testing.assert_close(G, A.mT @ A, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(b, A.mT @ x.y.flatten(), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("ridge", [1e-4, 1e-8, 1e-12])
def test_the_solution_is_that_of_the_rows(ridge, monkeypatch):
    plain, many = rows(), rows()
    plain.decompose(ridge)
    monkeypatch.setattr(problem, "MANY", 10)
    many.decompose(ridge)
    # Squares of singular values down to 1e-8 of the largest: half of the digits are left.
    torch.testing.assert_close(many.solution(), plain.solution(), rtol=1e-6, atol=1e-6)
    right = torch.ones(30, dtype=torch.float64)
    torch.testing.assert_close(many.solve(right), plain.solve(right), rtol=1e-4, atol=1e-6)


def test_cross_validation_chooses_alike(monkeypatch):
    x = rows()
    rank = (torch.arange(30) >= 12).double()
    plain = choose(x, rank, [0.0, 1.0])
    monkeypatch.setattr(cross_validation, "MANY", 5)
    many = choose(x, rank, [0.0, 1.0])
    assert torch.equal(plain.columns, many.columns) and int(many.columns.sum()) == 12
    assert many.ridge >= LEAST_RIDGE and abs(plain.left - many.left) < 1e-3


def test_held_out_rows_are_predicted_without_them():
    x = rows()
    fold = torch.arange(40) % 5
    ridges = x.A.new_tensor(RIDGES[:3])
    [left] = held_out(x.A, x.y, fold, ridges, [torch.ones(30, dtype=torch.bool)])
    A, y = x.A[fold != 2].flatten(0, 1), x.y[fold != 2].flatten()
    z = torch.linalg.solve(A.mT @ A + ridges[1] * torch.eye(30, dtype=A.dtype), A.mT @ y)
    torch.testing.assert_close(left[1][fold == 2], x.A[fold == 2] @ z - x.y[fold == 2], rtol=1e-6, atol=1e-8)
    assert bool(left.isfinite().all())
