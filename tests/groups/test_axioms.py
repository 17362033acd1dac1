"""Every group in `cases.GROUPS` is a group of motions."""

from __future__ import annotations

import pytest
import torch

from tests.groups.helpers import close, draw, dtypes, groups


@groups
@dtypes
def test_axioms(group, dtype):
    g, h, k = group.exp(draw(3, 8, group.lie_dim, dtype=dtype))
    one = group.identity(8, dtype=dtype)
    close(g @ (h @ k), (g @ h) @ k, dtype, scale=10)
    close(g @ group.inverse(g), one, dtype)
    close(group.inverse(g) @ g, one, dtype)
    assert torch.equal(g @ one, g)
    close(group.exp(torch.zeros(8, group.lie_dim, dtype=dtype)), one, dtype)
    close(group.exp(group.log(g @ h)), g @ h, dtype, scale=10)  # the product is in the group


@groups
@dtypes
def test_it_acts_on_points(group, dtype):
    g, h = group.exp(draw(2, 8, group.lie_dim, dtype=dtype))
    x = draw(8, group.space_dim, dtype=dtype, seed=1)
    close(group.act(g @ h, x), group.act(g, group.act(h, x)), dtype, scale=10)
    close(group.act(group.identity(8, dtype=dtype), x), x, dtype)
    close(group.act(group.inverse(g), group.act(g, x)), x, dtype, scale=10)


@groups
def test_generators_are_the_derivative_of_the_action(group):
    x = draw(group.space_dim, seed=2)
    A, b = group.generators()
    zero = torch.zeros(group.lie_dim, dtype=torch.float64)
    moved = torch.func.jacrev(lambda a: group.act(group.exp(a), x))(zero)
    close(moved.mT, torch.einsum("kij,j->ki", A, x) + b, torch.float64)


@groups
def test_generators_close_under_the_bracket(group):
    """[X_i, X_j] is a combination of the generators: they span a Lie algebra."""
    X = group.hat(torch.eye(group.lie_dim, dtype=torch.float64))
    brackets = (X[:, None] @ X - X @ X[:, None]).flatten(2).flatten(0, 1)
    basis = X.flatten(1)
    if group.lie_dim:
        close(brackets @ torch.linalg.pinv(basis) @ basis, brackets, torch.float64)
        assert torch.linalg.matrix_rank(basis) == group.lie_dim


@groups
@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (2, 1, 3)], ids=str)
def test_leading_axes(group, shape):
    d, a = group.space_dim, draw(*shape, group.lie_dim)
    g = group.exp(a)
    assert g.shape == (*shape, d + 1, d + 1)
    assert group.inverse(g).shape == g.shape == group.identity(*shape).shape
    assert group.log(g).shape == a.shape
    assert group.act(g, draw(*shape, d)).shape == (*shape, d)
    if shape == (2, 3):
        # A batched matrix product may sum in another order.
        torch.testing.assert_close(g[1, 2], group.exp(a[1, 2]), rtol=1e-14, atol=1e-15)


@groups
@dtypes
def test_samples_are_elements_and_the_generator_s_own(group, dtype):
    drawn = [group.sample(4, 5, generator=torch.Generator().manual_seed(s), dtype=dtype) for s in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and drawn[0].dtype == dtype and drawn[0].shape[:2] == (4, 5)
    assert group.lie_dim == 0 or not torch.equal(drawn[0], drawn[2])
    close(group.exp(group.log(drawn[0])), drawn[0], dtype, scale=10)
