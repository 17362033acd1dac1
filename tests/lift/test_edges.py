"""Lifts of edges see angles, and mirror images in the plane alone."""

from __future__ import annotations

import pytest
import torch

from lieham.groups import make_group
from lieham.lift import make_lift
from lieham.models import HLieConv
from lieham.nn import LieConv
from lieham.state import Bodies
from tests.helpers.cases import cloud, randomise
from tests.lift.helpers import ends


def angle_energy(model: HLieConv, angles: torch.Tensor) -> torch.Tensor:
    """V of an isosceles triangle of unit sides less those of its pairs: what three bodies have beyond two."""
    bodies = Bodies.of(torch.ones(3, dtype=torch.float64))
    zero, one = torch.zeros_like(angles), torch.ones_like(angles)
    q = torch.stack([torch.stack([zero, one, angles.cos()], -1), torch.stack([zero, zero, angles.sin()], -1)], -1)
    both = [model.potential(q[:, list(pair)], bodies.map(lambda x: x[:2])) for pair in ((0, 1), (0, 2), (1, 2))]
    return model.potential(q, bodies) - sum(both)


def test_edges_see_angles_and_one_block_of_distances_does_not():
    angles = torch.linspace(0.3, 3.0, 20, dtype=torch.float64)
    three = {}
    for lift in ("coset", "edge"):
        x = angle_energy(randomise(HLieConv("SE(2)", width=8, lift=lift)), angles)
        three[lift] = (x - x.mean()).abs().max() / x.abs().max()
    assert three["coset"] < 1e-12, "a sum over pairs has nothing beyond them"
    assert three["edge"] > 1e-2


@pytest.mark.parametrize("group, blind", [("SE(2)", False), ("SE(3)", True)])
def test_edges_tell_a_mirror_image_in_the_plane_alone(group, blind):
    model = randomise(HLieConv(group, 2, width=8, lift="edge", blocks=2))
    q, _, bodies = cloud(model.group.space_dim)
    image = q * torch.tensor([-1.0] + [1.0] * (q.shape[-1] - 1), dtype=q.dtype)
    change = (model.potential(image, bodies) - model.potential(q, bodies)).abs().max()
    assert (change < 1e-11) == blind


@pytest.mark.parametrize("dim", [2, 3])
def test_lieconv_on_edges_is_its_formula(dim):
    """h_ij = b + Σ_k w_ik K(r_ij, r_ik) W f_ki in loops, derivatives too."""
    lift = make_lift("edge", make_group(f"SE({dim})"), radius=2.0)
    conv = randomise(LieConv(4, 3, lift, hidden=5, kernel_dim=2).double())
    q, _, _ = cloud(dim, n=4, batch=1)
    mask = torch.tensor([[True, True, True, False]])
    edges = [(i, j) for i in range(4) for j in range(4) if i != j]
    values = torch.randn(1, 12, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    W = conv.linear.weight.unflatten(0, (2, 3))

    def kernel(to, back, same):
        a, b, c = to.square().sum(), back.square().sum(), (to - back).square().sum()
        dots = [to @ back] + ([to[0] * back[1] - to[1] * back[0]] if dim == 2 else [])
        one, zero = torch.ones_like(a), torch.zeros_like(a)
        skip = [one, a, *[zero] * (2 + len(dots))] if same else [zero, zero, a, b, *dots]
        wide = lift.scales[0].flip(0)[::2][:4]
        seen = [one if same else zero]
        seen += [(1 + a / s**2) ** -p if same else zero for p in (0.5, 1, 2, 4, 6) for s in lift.scales[0]]
        cosine, *sine = (x / ((1 + a) * (1 + b)) ** 0.5 for x in dots)
        ends = [(p, s) for p in (2, 6) for s in wide]
        couples = [(u, v) for k, u in enumerate(ends) for v in ends[k:]]
        for u in (one, cosine, cosine**2, *sine):
            for (p, s), (power, t) in couples:
                seen.append(zero if same else u * (1 + a / s**2) ** -p * (1 + b / t**2) ** -power)
        seen += [(1 + x / s**2) ** -0.5 for x in (a, b, c) for s in wide]
        e = torch.stack(seen)
        return conv.kernel.skip(torch.stack(skip)) + conv.kernel.wide(e) + conv.kernel.mlp(e)

    def plain(x):
        rows = []
        for i, j in edges:
            total = conv.bias
            for k in (k for k in range(4) if k != i):
                r = x[0, k] - x[0, i]
                weight = ends(r.square().sum(), 2.0) * float(mask[0, i] & mask[0, k])
                K, f = kernel(x[0, j] - x[0, i], r, j == k), values[0, edges.index((k, i))]
                total = total + weight * sum(K[n] * (W[n] @ f) for n in range(2))
            rows.append(total)
        return torch.stack(rows)[None]

    def fast(x):
        pairs = lift(x, mask)
        return conv(pairs, values, conv.kernel(pairs))

    torch.testing.assert_close(fast(q), plain(q), rtol=1e-13, atol=1e-13)
    for d in (torch.func.jacrev, torch.func.hessian):
        torch.testing.assert_close(d(fast)(q), d(plain)(q), rtol=1e-11, atol=1e-11)
