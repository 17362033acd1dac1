"""Tensors see angles and dihedral angles, as far as their body order says, smoothly and blind to mirror images."""

from __future__ import annotations

from itertools import combinations

import pytest
import torch

from lieham.errors import InputError
from lieham.groups import make_group
from lieham.lift import make_lift
from lieham.lift.tensor import MOST_TERMS, Neighborhood
from lieham.models import HLieConv, LieConvClassifier, VectorPotentialLieConv
from lieham.nn.invariants import ranks_of, terms, values
from lieham.nn.moments import largest_rank, moments
from lieham.state import Bodies
from tests.helpers.cases import cloud, randomise


def lift(order, **settings):
    return {"kind": "tensor", "order": order} | settings


def beyond(model, q):
    """The part of V that all n bodies make together, by inclusion and exclusion: 0 if no term sees so many."""
    total = torch.zeros(len(q), dtype=q.dtype)
    for size in range(2, q.shape[1] + 1):
        for some in combinations(range(q.shape[1]), size):
            part = model.potential(q[:, list(some)], Bodies.of(torch.ones(size, dtype=q.dtype)))
            total = total + (-1) ** (q.shape[1] - size) * part
    return total.abs().max()


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("bodies", [3, 4, 5])
def test_a_term_sees_as_many_bodies_as_the_order_says(order, bodies):
    q = torch.randn(3, bodies, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = beyond(randomise(HLieConv("SE(3)", lift=lift(order, level=4))), q)
    whole = randomise(HLieConv("SE(3)", lift=lift(order, level=4))).potential(q, Bodies.of(torch.ones(bodies).double()))
    if bodies > order:
        assert found < 1e-11 * whole.abs().max(), "sums of thousands of terms of either sign"
    else:
        assert found > 1e-4 * whole.abs().max()


@pytest.mark.parametrize("exponents", [x.exponents for x in terms(4, 6, 1, 3)])
def test_a_contraction_of_moments_is_the_sum_of_cosines_over_neighbors(exponents):
    """Π R(r_a) Π (u_a·u_b)^e summed in loops over the neighbors of each body."""
    model = HLieConv("SE(3)", lift=lift(4, level=6))
    net = model.potential.network
    q = torch.randn(4, 3, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    mask = torch.ones(4, dtype=torch.bool)
    seen = net.lift.neighborhood(q, mask, net.level)
    found = next(x for x in net.terms if x.exponents == exponents)
    factors = torch.ones(4, net.factors, dtype=torch.float64)
    channels = (seen.radial[..., None] * factors[None, :, None, :]).flatten(-2)
    batch = Neighborhood(*(x[None] for x in seen))
    value = values(moments(batch, factors[None], largest_rank(net.terms)).tensors, found, 3).mT
    v = len(ranks_of(exponents))
    pairs = [(0, 1)] if v == 2 else [(0, 1), (0, 2), (1, 2)]
    plain = torch.zeros_like(value)
    for i in range(4):
        for js in torch.cartesian_prod(*[torch.arange(4)] * v).tolist():
            term = torch.ones(len(found.channels), dtype=torch.float64)
            for a, j in enumerate(js):
                term = term * channels[i, j, found.channels[:, a]]
            for (a, b), e in zip(pairs, exponents, strict=True):
                term = term * (seen.direction[i, js[a]] @ seen.direction[i, js[b]]) ** e
            plain[i] += term
    torch.testing.assert_close(value, plain, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("group", ["SE(2)", "SE(3)", "SE(4)", "E(1)", "E(2)", "E(4)"])
def test_tensors_are_blind_to_mirror_images(group):
    model = randomise(HLieConv(group, 2, lift=lift(3, level=4)))
    q, _, bodies = cloud(model.group.space_dim)
    (g,) = model.group.sample(1, generator=torch.Generator().manual_seed(3))
    q = q @ g[:-1, :-1].mT + g[:-1, -1]
    image = q * torch.tensor([-1.0] + [1.0] * (q.shape[-1] - 1), dtype=q.dtype)
    value = model.potential(q, bodies)
    assert (model.potential(cloud(q.shape[-1])[0], bodies) - value).abs().max() < 1e-12 * value.abs().max()
    assert (model.potential(image, bodies) - value).abs().max() < 1e-12 * value.abs().max()
    assert (model.potential(q * 1.1, bodies) - value).abs().max() > 1e-3 * value.abs().max()


def test_derivatives_are_finite_where_bodies_coincide_and_smooth_at_the_cutoff():
    model = randomise(HLieConv("SE(3)", lift=lift(3, level=4), radius=2.0))
    bodies = Bodies.of(torch.ones(3, dtype=torch.float64))
    q = torch.zeros(3, 3, dtype=torch.float64)
    q[2, 0] = 1.0
    hessian = torch.func.hessian(lambda x: model.potential(x, bodies))(q)
    assert bool(hessian.isfinite().all())

    def bent(distance):
        x = q.clone()
        x[1, 1] = distance
        along = torch.zeros_like(x)
        along[1, 1] = 1.0
        second = torch.func.hessian(lambda s: model.potential(x + s * along, bodies))
        return second(torch.zeros((), dtype=torch.float64))

    # From the cutoff on the pair is gone; before it the second derivative falls to that as the distance to it does.
    gaps = [float((bent(2.0 - h) - bent(2.0 + h)).detach().abs()) for h in (1e-2, 1e-3, 1e-4)]
    assert gaps[1] < 0.2 * gaps[0] and gaps[2] < 0.2 * gaps[1]


def test_kinds_of_bodies_are_found_and_others_are_refused():
    import lieham
    import systems

    data = systems.LennardJones(4, 2).generate(4, 2, 0, points=8)
    model = HLieConv("SE(2)", data.n_features, lift=lift(3, level=3))
    assert model.potential.network.factors == 1 + 1 + data.n_features
    lieham.fit(model, data, steps=0, refine=0)
    assert model.potential.network.factors == 1, "all are of one kind"
    x = data.train[:1]
    heavy = type(x)(x.times, x.q, 2 * x.p, Bodies(2 * x.bodies.mass, x.bodies.features, x.bodies.mask))
    with pytest.raises(InputError, match="of the 1 kinds that the model was trained on, got 4 others"):
        lieham.forecast(model, heavy, steps=2)


def test_a_saved_model_knows_its_kinds(tmp_path):
    import lieham
    import systems

    data = systems.LennardJones(3, 2).generate(3, 0, 0, points=8)
    model = HLieConv("SE(2)", data.n_features, lift=lift(3, level=3))
    lieham.fit(model, data, steps=0, refine=0)
    lieham.save_model(model, tmp_path / "model.safetensors")
    again = lieham.load_model(tmp_path / "model.safetensors")
    x = data.train
    assert torch.equal(again.potential(x.q[:, 0], x.bodies), model.potential(x.q[:, 0], x.bodies))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"order": 5}, "order must be 2, 3 or 4 bodies, got 5"),
        ({"level": 0}, "level must be at least 1, got 0"),
        ({"bases": 0}, "bases must be at least 1, got 0"),
    ],
)
def test_wrong_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        make_lift("tensor", make_group("SE(3)"), **settings)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: HLieConv("T(3)", lift="tensor"), "got TensorLift"),
        (lambda: HLieConv("SE(3)", lift="tensor", blocks=2), "must not be given for the lift tensor"),
        (lambda: LieConvClassifier("T(2)", 2, lift="tensor"), "got TensorLift"),
        (lambda: VectorPotentialLieConv("SO(2)", lift="tensor"), "got TensorLift"),
    ],
)
def test_models_that_cannot_have_tensors_say_so(make, message):
    with pytest.raises(InputError, match=message):
        make()


def test_the_level_fills_the_number_of_functions():
    few, many = (HLieConv("SE(3)", c, lift=lift(3)).potential.network for c in (0, 6))
    assert few.level > many.level >= 1
    assert len(few.columns) < len(many.columns) < 2 * MOST_TERMS[3], "those of pairs come beside"
