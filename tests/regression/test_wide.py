"""Regressions of many columns are solved part by part of their rows, and choose what stored rows would choose."""

from __future__ import annotations

import torch

from lieham.regression import wide
from lieham.regression.dictionary import Columns
from lieham.regression.wide import NormalEquations, solve


def rows(columns=60, count=400, noise=1e-3, told=24):
    """Rows of which the first `told` columns tell y."""
    generator = torch.Generator().manual_seed(0)
    A = torch.randn(count, columns, generator=generator, dtype=torch.float64)
    A = A * torch.logspace(0, -3, columns, dtype=torch.float64)
    z = torch.randn(columns, generator=generator, dtype=torch.float64)
    z[told:] = 0
    return A, A @ z + noise * torch.randn(count, generator=generator, dtype=torch.float64), z


def parts(A, y):
    """Every fifth part of 20 rows is held out."""
    return lambda: ((k % 5 == 4, A[20 * k : 20 * (k + 1)], y[20 * k : 20 * (k + 1)]) for k in range(len(A) // 20))


def columns(count):
    return Columns(torch.arange(count), torch.ones(1, 1, dtype=torch.float64))


def test_parts_of_rows_add_up_whatever_the_blocks(monkeypatch):
    monkeypatch.setattr(wide, "BLOCK", 7)
    A, y, _ = rows()
    found = NormalEquations(60, A)
    for _, part, right in parts(A, y)():
        found.add(part, right)
    found.complete()
    torch.testing.assert_close(found.G, A.mT @ A, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(found.b, A.mT @ y, rtol=1e-12, atol=1e-12)
    z = torch.linspace(-1, 1, 60, dtype=torch.float64)
    assert abs(found.left(z) - float((A @ z - y).square().sum() / y.square().sum())) < 1e-12 * found.left(z)
    assert abs(found.left(z[:9]) - float((A[:, :9] @ z[:9] - y).square().sum() / y.square().sum())) < 1e-10


def test_the_solution_is_that_of_all_rows_with_the_columns_that_tell_y():
    A, y, z = rows()
    after, before = solve(parts(A, y), columns(60), [8, 16, 24, 40, 60], A)
    assert len(after.theta) == 24 == len(before.theta), "fewer leave much, more help nothing"
    scale = A[:, :24].square().mean(0).pow(-0.25)
    scaled = A[:, :24] * scale
    ridge = after.ridge * len(A) * torch.eye(24, dtype=A.dtype)
    plain = scale * torch.linalg.solve(scaled.mT @ scaled + ridge, scaled.mT @ y)
    torch.testing.assert_close(after.theta, plain, rtol=1e-8, atol=1e-10)
    # Noise of 1e-3 on 400 rows beside columns of 1 to 4e-2.
    assert (after.theta - z[:24]).abs().max() < 5e-3 and (before.theta - z[:24]).abs().max() < 5e-3


def test_nested_choices_are_solved_by_blocks_of_one_factor():
    A, y, _ = rows(told=60)
    fit = NormalEquations(60, A)
    fit.add(A, y)
    fit.complete()
    scale, factor = wide._factor(fit, 1e-6, 60)
    small, own = wide._factor(fit, 1e-6, 10)
    torch.testing.assert_close(wide._solution(fit, scale, factor, 10), wide._solution(fit, small, own, 10))


def test_a_ridge_that_round_off_makes_too_weak_is_passed_over():
    A, y, _ = rows(columns=10, told=4)
    twice = torch.cat([A, A], 1)
    after, _ = solve(parts(twice, y), columns(20), [20], A)
    assert bool(after.theta.isfinite().all())
    assert float((twice @ after.theta - y).square().mean()) < 1e-5
    torch.testing.assert_close(after.theta[:10], after.theta[10:], rtol=1e-3, atol=1e-4)


def test_single_functions_are_always_taken():
    A, y, z = rows(columns=20, told=20)
    own = Columns(torch.arange(18), torch.ones(1, 1, dtype=torch.float64), singles=2)
    after, _ = solve(parts(A, y), own, [10, 20], A)
    assert after.columns.singles == 2 and len(after.columns.chosen) == 18
    assert (after.theta[-2:] - z[:2]).abs().max() < 0.1, "their columns are the first, θ the last"
