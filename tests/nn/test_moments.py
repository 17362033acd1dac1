"""Every fast path of many-body terms equals the plain one: evaluation by matrices, gradients and slopes written out."""

from __future__ import annotations

import pytest
import torch

from lieham.errors import InputError
from lieham.models import HLieConv
from lieham.nn import MomentSum
from lieham.nn.invariants import occurring, terms
from lieham.state import Bodies
from tests.helpers.cases import cloud, randomise

CASES = {
    "plane": ("SE(2)", {"order": 3, "level": 5}, None),
    "space": ("SE(3)", {"order": 4, "level": 5}, None),
    "cutoff": ("SE(3)", {"order": 4, "level": 4}, 2.0),
    "kinds": ("SE(3)", {"order": 4, "level": 4, "species": [[1.0, 0.0], [1.0, 1.0]]}, None),
}


def case(name):
    group, lift, radius = CASES[name]
    model = HLieConv(group, 1, lift={"kind": "tensor"} | lift, radius=radius)
    q, _, bodies = cloud(model.group.space_dim)
    if "species" in lift:
        kind = (torch.arange(q.shape[-2]) % 2).to(q.dtype)
        bodies = Bodies.of(torch.ones_like(bodies.mass), kind.expand(bodies.mass.shape)[..., None], bodies.mask)
    else:
        bodies = Bodies.of(bodies.mass, bodies.mass[..., None].cos(), bodies.mask)
    return randomise(model), q, bodies


@pytest.mark.parametrize("name", CASES)
def test_a_sum_by_matrices_is_the_sum_of_its_terms(name):
    model, q, bodies = case(name)
    network, inputs = model.potential.network, (model.potential.seen(bodies), bodies.mask)
    terms_of = network.basis(q, *inputs)[..., 0]
    plain = terms_of @ network.kernel.weight[0]
    torch.testing.assert_close(network(q, *inputs)[..., 0], plain, rtol=1e-11, atol=1e-11 * float(plain.abs().max()))


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_that_is_written_out_is_that_of_the_sum(name):
    model, q, bodies = case(name)
    x = q.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.potential(x, bodies).sum(), x)
    with torch.no_grad():
        force = model.field(bodies).force(q.new_zeros(()), q)
    torch.testing.assert_close(-force, slope, rtol=1e-10, atol=1e-11 * float(slope.abs().max()))


@pytest.mark.parametrize("name", CASES)
def test_slopes_of_all_terms_are_the_derivatives_of_the_terms(name):
    model, q, bodies = case(name)
    network = model.potential.network
    seen, one = model.potential.seen(bodies), torch.ones(1, 1, dtype=q.dtype)
    some = torch.arange(0, len(network.columns), 3)
    found = network.slopes(q[:2], seen[:2], bodies.mask[:2], one, some)[..., 0]
    plain = torch.func.jacfwd(lambda x: network.basis(x, seen[:2], bodies.mask[:2], chosen=some)[..., 0].sum(0))(q[:2])
    torch.testing.assert_close(found, plain.permute(1, 2, 3, 0), rtol=1e-9, atol=1e-10 * float(plain.abs().max()))


def test_terms_of_weight_0_are_skipped_where_nothing_is_learned():
    model, q, bodies = case("space")
    with torch.no_grad():
        model.potential.network.kernel.weight[:, ::2] = 0.0
    whole, few = (MomentSum(model.potential.network, drop=drop) for drop in (False, True))
    inputs = model.potential.seen(bodies), bodies.mask
    one = q.new_ones(())
    torch.testing.assert_close(few(q, one, *few.tensors(*inputs)), whole(q, one, *whole.tensors(*inputs)))
    assert sum(len(x.channels) for x in few.kinds) <= sum(len(x.channels) for x in whole.kinds)
    assert few != whole


def test_only_terms_of_bodies_that_occur_are_kept():
    """Two kinds, of the second of which there is one body: it has no neighbor of its own kind."""
    together = torch.tensor([[True, True], [True, False]]).numpy()
    whole, few = (
        HLieConv("SE(3)", 1, lift={"kind": "tensor", "order": 4, "level": 4, "species": [[1.0, 0.0], [1.0, 1.0]]} | x)
        for x in ({}, {"together": together.tolist()})
    )
    count = sum(int(occurring(x, together).sum()) for x in terms(4, 4, 2, 3))
    plain = 3 * len(few.potential.network.lift.plain_rank())
    assert len(few.potential.network.columns) == count + plain * 2 // 3
    assert len(whole.potential.network.columns) > len(few.potential.network.columns)
    one = Bodies.of(torch.ones(3).double(), torch.tensor([0.0, 0.0, 1.0]).double()[:, None])
    q = torch.randn(3, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    basis = [x.potential.basis(q, one)[..., 0] for x in (whole, few)]
    assert int((basis[0] != 0).sum()) == int((basis[1] != 0).sum()) == len(basis[1]), "what is left out is 0"


def test_kinds_that_never_were_together_are_refused():
    data = Bodies.of(torch.ones(2, 3).double(), torch.tensor([0.0, 0.0, 1.0]).double().expand(2, 3)[..., None])
    model = HLieConv("SE(3)", 1, lift={"kind": "tensor", "order": 3, "level": 3})
    network = model.potential.network
    network.calibrate(model.potential.seen(data), data.mask)
    assert network.lift.together == [[True, True], [True, False]]
    network.check(model.potential.seen(data), data.mask)
    two = Bodies.of(torch.ones(2).double(), torch.ones(2).double()[:, None])
    with pytest.raises(InputError, match="got 1 pairs of kinds that never were"):
        network.check(model.potential.seen(two), two.mask)
