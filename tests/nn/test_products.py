"""Combinations of a kernel's outputs that weigh pairs by one product of what their two bodies are."""

from __future__ import annotations

import itertools

import pytest
import torch

import lieham
from lieham.state import Bodies, PhaseState
from tests.helpers.cases import DTYPES, randomise


def a_model(group: str, features: int, dtype: torch.dtype = torch.float64, **settings) -> lieham.HLieConv:
    made = lieham.HLieConv(group, features, **settings).to(dtype)
    return randomise(made)


def pairs(features: int, count: int = 6, seed: int = 0, dtype: torch.dtype = torch.float64) -> Bodies:
    """Systems of two bodies with masses and features at random."""
    generator = torch.Generator().manual_seed(seed)
    values = torch.rand(count, 2, features + 1, generator=generator, dtype=torch.float64).add(0.5).to(dtype)
    return Bodies.of(values[..., 0], values[..., 1:])


def shares(model: lieham.HLieConv, bodies: Bodies) -> torch.Tensor:
    """Each function of one pair at one place, weighed by each product, over bodies: (systems, functions, products)."""
    products = model.dictionary().products(bodies)
    q = torch.tensor([[0.3, -0.2, 0.5], [-0.4, 0.7, 0.1]], dtype=bodies.mass.dtype)[:, : model.group.space_dim]
    state = PhaseState(q.expand(len(bodies.mass), -1, -1), torch.zeros_like(q).expand(len(bodies.mass), -1, -1))
    return model.dictionary().evaluate(state, bodies, None, products.mixing)


def wanted(bodies: Bodies) -> list[torch.Tensor]:
    """z_a(1) z_b(2) + z_b(1) z_a(2) of both bodies of every system, z being 1, the mass and the features."""
    z = torch.cat([torch.ones_like(bodies.mass[..., None]), bodies.mass[..., None], bodies.features], -1)
    (u, v), size = z.unbind(1), z.shape[-1]
    return [u[:, a] * v[:, b] + u[:, b] * v[:, a] for a, b in itertools.combinations_with_replacement(range(size), 2)]


@pytest.mark.parametrize("features", [0, 1, 2])
def test_every_product_is_there_once(features):
    """Function f of product s is w_s(bodies) φ_f(distance): over systems it goes like one of the products."""
    bodies = pairs(features)
    found = shares(a_model("SE(3)", features), bodies)
    expected = wanted(bodies)
    assert found.shape[-1] == len(expected)
    left = list(range(len(expected)))
    for s in range(found.shape[-1]):
        column = found[:, found[..., s].abs().amax(0) > 1e-8, s]
        column = column / column.norm(dim=0)
        match = [
            k
            for k in left
            if torch.allclose(
                column, (expected[k] / expected[k].norm())[:, None].mul(torch.sign(column[:1])), rtol=0, atol=1e-7
            )
        ]
        assert len(match) == 1, f"product {s} goes like {match}"
        left.remove(match[0])


def test_products_that_are_alike_are_there_once():
    """All masses are 2, so that 1, m and m² weigh pairs alike: with one feature c, only 1, c + c' and c c' are left."""
    bodies = pairs(1)
    alike = Bodies.of(torch.full_like(bodies.mass, 2.0), bodies.features)
    assert a_model("SE(3)", 1).dictionary().products(alike).mixing.shape[1] == 3
    equal = Bodies.of(alike.mass, torch.ones_like(bodies.features))
    assert a_model("SE(3)", 1).dictionary().products(equal).mixing.shape[1] == 1
    none = Bodies.of(bodies.mass, torch.zeros_like(bodies.features))
    assert a_model("SE(3)", 1).dictionary().products(none).mixing.shape[1] == 3, "1, m + m' and m m'"


def test_bodies_that_are_not_there_do_not_count():
    bodies = pairs(0)
    mass = torch.tensor([[1.0, 1.0, 5.0]], dtype=torch.float64)
    mask = torch.tensor([[True, True, False]])
    model = a_model("SE(3)", 0)
    assert model.dictionary().products(Bodies.of(mass, mask=mask)).mixing.shape[1] == 1
    assert model.dictionary().products(bodies).mixing.shape[1] == 3
    assert model.dictionary().products(Bodies.of(mass[:, :1])) is None, "one body has no pairs"


def test_ordered_pairs_have_their_own_products():
    """A kernel of x_j − x_i tells i from j: z_a(i) z_b(j) and z_b(i) z_a(j) are two products."""
    found = a_model("T(2)", 0).dictionary().products(pairs(0))
    assert found.mixing.shape[1] == len(found.family.unique()) == 4, "1, m, m' and m m'"


def test_float32_finds_the_same():
    double, single = (a_model("SE(3)", 1, t).dictionary().products(pairs(1, dtype=t)).mixing for t in DTYPES)
    assert single.dtype == torch.float32 and single.shape == double.shape


def test_terms_of_more_bodies_have_none():
    model = lieham.HLieConv("SE(3)", 1, lift={"kind": "tensor", "level": 3})
    bodies = pairs(1)
    q = torch.rand(6, 5, 2, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    model.calibrate(lieham.Trajectory.of(torch.arange(5.0), q, torch.zeros_like(q), bodies))
    assert model.dictionary().products(bodies) is None
