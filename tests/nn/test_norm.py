"""Masked batch normalisation is torch's on the real points."""

from __future__ import annotations

import pytest
import torch

from lieham.nn import MaskedBatchNorm
from tests.nn.near_helpers import normal, seeded


@pytest.mark.parametrize("training", [True, False])
def test_a_masked_norm_is_torchs_on_the_real_points(training):
    x, mask = normal(4, 6, 3), torch.rand(4, 6, generator=seeded(1)) < 0.6
    own, theirs = MaskedBatchNorm(3).double().train(training), torch.nn.BatchNorm1d(3).double().train(training)
    with torch.no_grad():
        for k, (a, b) in enumerate(((own.weight, theirs.weight), (own.bias, theirs.bias))):
            a.copy_(normal(3, seed=k)), b.copy_(a)
        own.mean.copy_(normal(3, seed=5)), theirs.running_mean.copy_(own.mean)
        own.variance.copy_(normal(3, seed=6).exp()), theirs.running_var.copy_(own.variance)
    for _ in range(2):
        torch.testing.assert_close(own(x, mask)[mask], theirs(x[mask]), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(own.mean, theirs.running_mean, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(own.variance, theirs.running_var, rtol=1e-13, atol=1e-13)
    garbage = torch.where(mask[..., None], x, torch.full_like(x, 1e9))
    assert torch.equal(own(garbage, mask)[mask], own(x, mask)[mask])
    everybody = torch.ones_like(mask)
    assert (own(garbage, everybody)[mask] - own(x, mask)[mask]).abs().max() > 0.1 or not training


@pytest.mark.parametrize("training", [True, False])
def test_gradients_of_a_norm(training):
    mask = torch.tensor([[True, True, False], [True, False, False]])
    norm = MaskedBatchNorm(2).double().train(training)
    weight = normal(2, 3, 2, seed=1)
    x = normal(2, 3, 2).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: (norm(x, mask) * weight)[mask], x)
    (slope,) = torch.autograd.grad((norm(x, mask) * weight).sum(), x)
    assert not slope[~mask].any() and slope[mask].any()


def test_a_mask_of_a_grid_serves_all_clouds():
    x, mask = normal(4, 6, 3), torch.tensor([True] * 4 + [False] * 2)
    a, b = (MaskedBatchNorm(3).double() for _ in range(2))
    assert torch.equal(a(x, mask), b(x, mask.expand(4, -1))) and torch.equal(a.mean, b.mean)
