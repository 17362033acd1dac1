"""Terms with one ε tell left from right: they are invariant under motions, and change their sign in a mirror image."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.auditing import smoothness
from lieham.data import Dataset
from lieham.errors import InputError
from lieham.lift.handed import handed_exponents
from lieham.lift.tensor import Neighborhood
from lieham.models import HLieConv, LieConvClassifier
from lieham.nn.invariants import values
from lieham.nn.moments import largest_rank, moments
from lieham.state import Bodies, Trajectory
from tests.helpers.cases import cloud, randomise

LEVEL = {2: 4, 3: 9}
in_both = pytest.mark.parametrize("dim", [2, 3])


def model_of(dim: int, group: str = "", **settings) -> HLieConv:
    lift = {"kind": "tensor", "order": dim + 1, "level": LEVEL[dim], "hand": True} | settings
    return randomise(HLieConv(group or f"SE({dim})", lift=lift), scale=0.1)


@in_both
def test_every_contraction_is_the_sum_over_neighbors(dim):
    """Π R(r_a) Π (u_a·u_b)^e times u_1 × u_2, or u_1·(u_2 × u_3), summed in loops over the neighbors of each body."""
    net = model_of(dim, level=LEVEL[dim] + 1).potential.network
    q = torch.randn(5, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    seen = net.lift.neighborhood(q, torch.ones(5, dtype=torch.bool), net.level)
    factors = 1 + torch.rand(5, net.factors, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    channels = (seen.radial[..., None] * factors[None, :, None, :]).flatten(-2)
    batch = Neighborhood(*(x[None] for x in seen))
    handed = [x for x in net.terms if x.hand]
    assert [x.exponents for x in handed] == handed_exponents(dim + 1, dim, 3)[: len(handed)]
    tensors = moments(batch, factors[None], largest_rank(net.terms)).tensors
    for found in handed:
        value, plain = values(tensors, found, dim).mT, torch.zeros(5, len(found.channels), dtype=torch.float64)
        others = [found.exponents[0] - 1] if dim == 2 else [found.exponents[0], *(e - 1 for e in found.exponents[1:])]
        pairs = [(0, 1)] if dim == 2 else [(0, 1), (0, 2), (1, 2)]
        for i in range(5):
            for js in torch.cartesian_prod(*[torch.arange(5)] * dim).tolist():
                u = seen.direction[i, js]
                term = torch.linalg.det(u).expand(len(found.channels))
                for a, j in enumerate(js):
                    term = term * channels[i, j, found.channels[:, a]]
                for (a, b), e in zip(pairs, others, strict=True):
                    term = term * (u[a] @ u[b]) ** e
                plain[i] += term
        torch.testing.assert_close(value, plain, rtol=1e-10, atol=1e-12)
        assert plain.abs().max() > 1e-6, "equal channels, which give 0, are left out"


@in_both
def test_motions_keep_handed_terms_and_mirror_images_change_their_sign(dim):
    model, blind = (
        model_of(dim),
        randomise(HLieConv(f"SE({dim})", lift={"kind": "tensor", "order": dim + 1}), scale=0.1),
    )
    q, _, bodies = cloud(dim)
    bodies = Bodies.of(bodies.mass)
    basis = model.basis(lieham.PhaseState(q, q), bodies)[..., 0]
    net = model.potential.network
    hand = torch.cat([torch.zeros(net.plain_count), *(torch.full((len(x.channels),), x.hand) for x in net.terms)])
    hand = hand.repeat_interleave(net.factors)[net.columns].bool()
    assert 0 < hand.sum() < len(hand)
    mirror = torch.tensor([-1.0] + [1.0] * (dim - 1), dtype=torch.float64)
    image = model.basis(lieham.PhaseState(mirror * q, q), bodies)[..., 0]
    torch.testing.assert_close(image, torch.where(hand, -basis, basis), rtol=1e-10, atol=1e-10)
    for g in model.group.sample(4, generator=torch.Generator().manual_seed(2)):
        moved = lieham.PhaseState(q @ g[:-1, :-1].mT + g[:-1, -1], q)
        torch.testing.assert_close(model.basis(moved, bodies)[..., 0], basis, rtol=1e-10, atol=1e-10)
    for other, seen in ((model, True), (blind, False)):
        value = other.potential(q, bodies)
        change = (other.potential(mirror * q, bodies) - value).abs().max() / value.abs().max()
        assert change > 1e-3 if seen else change < 1e-12


@in_both
def test_written_derivatives_are_those_of_autograd(dim):
    """The fast gradient of the field, and the slopes of all functions."""
    model = model_of(dim)
    q, _, bodies = cloud(dim)
    bodies = Bodies.of(bodies.mass)
    slow = torch.func.grad(lambda x: -model.potential(x, bodies).sum())(q)
    with torch.no_grad():
        fast = model.field(bodies).force(torch.zeros(()), q)
    torch.testing.assert_close(fast, slow, rtol=1e-9, atol=1e-10)
    net, features = model.potential.network, bodies.mass[..., None]
    chosen, one = torch.arange(len(net.columns)), torch.ones(1, 1, dtype=torch.float64)
    slopes = net.slopes(q[:1], features[:1], bodies.mask[:1], one, chosen)[..., 0]
    want = torch.func.jacfwd(lambda x: net.basis(x[None], features[:1], bodies.mask[:1], one, chosen)[0, :, 0])(q[0])
    torch.testing.assert_close(slopes, want.permute(1, 2, 0)[None], rtol=1e-9, atol=1e-10)


def test_a_law_that_tells_left_from_right_is_learned(tmp_path, monkeypatch):
    """Forces of Σ_ijk e^(−r²) (e^(−s²/4)) u × v about each body: with ε to round-off of the fit, and without it not."""

    def potential(q):
        r = q.unsqueeze(-3) - q.unsqueeze(-2)
        c = r.square().sum(-1)
        near, far = (r * torch.exp(-c / s)[..., None] for s in (1.0, 4.0))
        a, b = near.sum(-2), far.sum(-2)
        return (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).sum(-1)

    q = torch.randn(240, 1, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    forces = -torch.func.grad(lambda x: potential(x).sum())(q)
    monkeypatch.setattr(smoothness, "LINES", 1)
    bodies = Bodies.of(torch.ones(len(q), 3, dtype=torch.float64))
    whole = Trajectory.of(torch.zeros(1), q, torch.zeros_like(q), bodies).with_labels(forces)
    data, left = Dataset(train=whole[:200], val=whole[200:220], test=whole[220:]), {}
    for hand in (True, False):
        model = HLieConv("SE(2)", lift={"kind": "tensor", "level": 9, "near": 0.9, "hand": hand})
        lieham.fit(model, data, steps=0, refine=0)
        lieham.save_model(model, tmp_path / "model.safetensors")
        field = lieham.load_model(tmp_path / "model.safetensors").field(data.test.bodies)
        said = field.force(torch.zeros(()), data.test.q[:, 0])
        left[hand] = ((said - data.test.forces[:, 0]).square().mean() / forces.square().mean()).item()
        if hand:
            made = lieham.audit(model, "E(2)", count=20, n_bodies=3)
            assert made.broken == ["invariance"], "bodies of the kind that was learned are audited"
    assert left[True] < 1e-2 < 0.5 < left[False], left


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: model_of(2, group="E(2)"), r"hand must be False for E\(2\), got True"),
        (lambda: model_of(3, group="SE(4)"), r"hand must be False for SE\(4\)"),
        (lambda: model_of(3, order=3), "order must be 4 or more with hand=True"),
        (lambda: model_of(2, hand=1), "hand must be"),
        (lambda: LieConvClassifier("SE(2)", lift={"kind": "tensor", "hand": True}), "hand must be False in a Tensor"),
    ],
)
def test_where_there_is_no_hand_it_is_refused(make, message):
    with pytest.raises(InputError, match=message):
        make()
