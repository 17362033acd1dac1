"""LieConv is its formula, for every model in `cases.MODELS`."""

from __future__ import annotations

import torch

from lieham.groups import make_group
from lieham.lift import make_lift
from lieham.nn import LieConv
from tests.helpers.cases import MODELS, cloud, randomise
from tests.helpers.models import models


def invariants(lift, x, y):
    """What the kernel sees of two points, one number after the other."""
    plain, lengths = lift.group.pair_coordinates(x, y), lift.group.pair_lengths(x, y)
    others = [plain[k] for k in lift.group.beside_lengths]
    radial = [
        (1 + c / s**2) ** -p
        for p in (0.5, 1, 2, 4, 6)
        for c, scales in zip(lengths, lift.scales, strict=True)
        for s in scales
    ]
    return torch.stack([*others, *lengths]), torch.stack([*others, *radial])


@models
def test_lieconv_is_its_formula(name):
    """h_i = b + Σ_j w_ij Σ_k K_k(a_ij) W_k f_j in loops, its first and second derivatives too."""
    group = make_group(MODELS[name][0])
    lift = make_lift(None, group)
    conv = randomise(LieConv(4, 3, lift, hidden=5, kernel_dim=2).double())
    q, _, _ = cloud(group.space_dim, n=4, batch=1)
    mask = torch.tensor([[True, True, True, False]])
    values = torch.randn(1, 4, 4, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    W = conv.linear.weight.unflatten(0, (2, 3))

    def fast(x):
        pairs = lift(x, mask)
        return conv(pairs, values, conv.kernel(pairs))

    def plain(x):
        rows = []
        for i in range(4):
            total = conv.bias
            for j in range(3 if i < 3 else 0):
                if i == j and group.symmetric_pairs:
                    continue
                a, e = invariants(lift, x[0, i], x[0, j])
                kernel = conv.kernel.skip(a) + conv.kernel.wide(e) + conv.kernel.mlp(e)
                total = total + sum(kernel[k] * (W[k] @ values[0, j]) for k in range(2))
            rows.append(total)
        return torch.stack(rows)[None]

    torch.testing.assert_close(fast(q), plain(q), rtol=1e-13, atol=1e-13)
    for d in (torch.func.jacrev, torch.func.hessian):
        torch.testing.assert_close(d(fast)(q), d(plain)(q), rtol=1e-12, atol=1e-12)
