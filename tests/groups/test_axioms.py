"""Every group in `cases.GROUPS` is a group of motions."""

from __future__ import annotations

import pytest
import torch

from lieham.errors import InputError
from lieham.groups import make_group
from tests.groups.helpers import close, draw, dtypes, groups, mirrored
from tests.helpers.refusals import says


@groups
@dtypes
def test_axioms(group, dtype):
    g, h, k = mirrored(group, group.exp(draw(3, 8, group.lie_dim, dtype=dtype)))
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
    g, h = mirrored(group, group.exp(draw(2, 8, group.lie_dim, dtype=dtype)))
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
    assert group.lie_dim + len(group.reflections) == 0 or not torch.equal(drawn[0], drawn[2])
    image = torch.linalg.det(drawn[0]) < 0
    assert bool(image.any()) == bool(group.reflections) and not bool(image.all())
    motion = torch.where(image[..., None, None], mirrored(group, drawn[0]), drawn[0])
    close(group.exp(group.log(motion)), motion, dtype, scale=10)


@groups
def test_a_mirror_image_has_no_logarithm(group):
    """It is no exp(a); what it keeps is its own: it is an element, and its square is in the identity's part."""
    if group.reflections:
        g = mirrored(group, group.identity(2))
        close(group.log(g @ g), torch.zeros(2, group.lie_dim, dtype=torch.float64), torch.float64)
        says(InputError, lambda: group.log(g), "g must hold no mirror image for log of", "got one with determinant −1")


@pytest.mark.parametrize("name", ["O(1)", "O(2)", "O(3)", "O(4)", "E(1)", "E(2)", "O(2)xT(1)", "SO(4)", "SE(2)"])
def test_stabilisers_are_drawn_evenly(name):
    """The mean of a Haar-distributed rotation is 0, and half of the draws of O(d) and E(d) are mirror images."""
    group = make_group(name)
    h = group.stabiliser_sample(4000, generator=torch.Generator().manual_seed(0))
    one = torch.eye(group.space_dim, dtype=torch.float64).expand_as(h)
    close(h @ h.mT, one, torch.float64)
    even = abs((torch.linalg.det(h) < 0).double().mean().item() - 0.5)
    assert even < 0.03 if group.reflections else even == 0.5
    if group.name not in ("O(2)", "O(2)xT(1)"):  # SO(2) acts freely, so a reflection is all that O(2) adds
        assert h.mean(0).abs().max() < 0.05
