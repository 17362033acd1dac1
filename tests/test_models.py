"""Laws of HLieConv, for every model in `cases.MODELS`: its group, its lift, one and two blocks of both kinds."""

from __future__ import annotations

import pytest
import torch
from cases import DTYPES, MODELS, SAMPLED, TOLERANCE, cloud, make_model, outside, randomise

from lieham.dynamics.hamiltonian import GeneralHamiltonian
from lieham.errors import InputError
from lieham.groups import CustomGroup, make_group
from lieham.lift import CosetLift, PointLift, make_lift
from lieham.models import HLieConv, load_model, save_model
from lieham.nn import LieConv
from lieham.state import Bodies, PhaseState
from systems import Springs

models = pytest.mark.parametrize("name", MODELS)
every_model = pytest.mark.parametrize("name", MODELS | SAMPLED)
dtypes = pytest.mark.parametrize("dtype", DTYPES, ids=lambda x: str(x).removeprefix("torch."))
MOVABLE = [name for name in MODELS if " " in name and name.split("(")[0] in ("T", "SE") and "x" not in name.split()[0]]
"""Those whose group moves the origin."""
ZERO = torch.zeros(())


def setting(name: str, dtype=torch.float64, **sizes):
    """A model of MODELS and bodies in its space: (model, q, p, bodies)."""
    model = make_model(name, dtype)
    return model, *cloud(model.group.space_dim, dtype=dtype, **sizes)


def close(got, want, dtype, scale=1.0):
    """Equal to within round-off of the largest entry."""
    size = max(want.abs().max().item(), 1e-3)
    torch.testing.assert_close(got, want, rtol=0, atol=TOLERANCE[dtype] * size * scale)


def moved(g: torch.Tensor, q: torch.Tensor) -> torch.Tensor:
    """The whole cloud (batch, n, d) under one motion."""
    return q @ g[..., :-1, :-1].mT + g[..., :-1, -1].unsqueeze(-2)


def spread(model, bodies) -> torch.Tensor:
    """By how much V differs between clouds."""
    others = torch.stack([cloud(model.group.space_dim, seed=s)[0] for s in range(20)])
    return model.potential(others, bodies).std()


# Symmetry


@models
@dtypes
def test_no_motion_of_the_group_changes_the_energy(name, dtype):
    model, q, _, bodies = setting(name, dtype)
    before = model.potential(q, bodies)
    for g in model.group.sample(16, generator=torch.Generator().manual_seed(1), dtype=dtype):
        close(model.potential(moved(g, q), bodies), before, dtype, scale=10)


@pytest.mark.parametrize("name", MOVABLE)
def test_far_from_the_origin_only_the_positions_round_off_is_lost(name):
    model, q, _, bodies = setting(name)
    close(model.potential(q + 1e3, bodies), model.potential(q, bodies), torch.float64, scale=1e3)


@models
def test_every_other_motion_changes_it(name):
    """The negative control: it is not invariant because it is constant."""
    model, q, _, bodies = setting(name)
    for g in outside(model.group):
        change = (model.potential(moved(g, q), bodies) - model.potential(q, bodies)).abs()
        assert change.max() > 1e-3 * spread(model, bodies)


@models
@dtypes
def test_the_force_turns_with_the_bodies(name, dtype):
    model, q, _, bodies = setting(name, dtype)
    field = model.field(bodies)
    (g,) = model.group.sample(1, generator=torch.Generator().manual_seed(2), dtype=dtype)
    close(field.force(ZERO, moved(g, q)), field.force(ZERO, q) @ torch.linalg.inv(g[:-1, :-1]), dtype, scale=100)


@models
def test_the_charges_of_the_group_commute_with_the_potential(name):
    """Noether: Σ_i F_i · (A q_i + b) = 0 for every generator, for random weights."""
    model, q, _, bodies = setting(name)
    force = model.field(bodies).force(ZERO, q)
    for A, b in zip(*model.group.generators(), strict=True):
        work = force * (q @ A.mT + b)
        assert work.sum((-1, -2)).abs().max() < 1e-12 * work.abs().sum((-1, -2)).max()


# Bodies


@models
@dtypes
def test_the_order_of_the_bodies_does_not_matter(name, dtype):
    model, q, _, bodies = setting(name, dtype)
    order = [3, 0, 4, 1, 2]
    shuffled = Bodies.of(bodies.mass[:, order], bodies.features[:, order])
    close(model.potential(q[:, order], shuffled), model.potential(q, bodies), dtype)


def padded(q: torch.Tensor, bodies: Bodies, at: float) -> tuple[torch.Tensor, Bodies]:
    """With two bodies more, not real, at some place."""
    fill = torch.full_like(q[:, :2], at)
    ones = torch.ones_like(bodies.mask[:, :2])
    mask = torch.cat([bodies.mask, ~ones], 1)
    mass = torch.cat([bodies.mass, 7.0 * ones], 1)
    features = torch.cat([bodies.features, 7.0 * ones[..., None].expand(-1, -1, 2)], 1)
    return torch.cat([q, fill], 1), Bodies(mass.to(q.dtype), features.to(q.dtype), mask)


@every_model
@dtypes
@pytest.mark.parametrize("at", [0.0, 50.0])
def test_padding_changes_nothing(name, dtype, at):
    model, q, _, bodies = setting(name, dtype)
    more, with_padding = padded(q, bodies, at)
    close(model.potential(more, with_padding), model.potential(q, bodies), dtype)
    force = model.field(with_padding).force(ZERO, more)
    close(force[:, :5], model.field(bodies).force(ZERO, q), dtype, scale=10)
    assert not force[:, 5:].any()
    assert not model.field(with_padding).velocity(ZERO, more)[:, 5:].any()


@every_model
@dtypes
def test_batch_mates_change_nothing(name, dtype):
    model, q, p, bodies = setting(name, dtype)
    whole = model.energy(PhaseState(q, p), bodies)
    alone = [model.energy(PhaseState(q[k], p[k]), bodies.map(lambda x, k=k: x[k])) for k in range(3)]
    close(torch.stack(alone), whole, dtype)


@every_model
def test_all_times_at_once(name):
    """States (batch, time, n, d) with bodies (batch, 1, n)."""
    model, q, p, bodies = setting(name)
    many = PhaseState(torch.stack([q, q + 0.1, 2 * q], 1), torch.stack([p, p, p], 1))
    together = model.energy(many, bodies.over_time())
    for t in range(3):
        close(together[:, t], model.energy(PhaseState(many.q[:, t], many.p[:, t]), bodies), torch.float64)


@every_model
@pytest.mark.parametrize("n", [1, 2])
def test_few_bodies(name, n):
    model, q, p, bodies = setting(name, n=n)
    rates = model.field(bodies)(ZERO, PhaseState(q, p))
    assert all(torch.isfinite(x).all() and x.shape == q.shape for x in rates)
    if n == 1 and name in MOVABLE:
        assert rates.p.abs().max() < 1e-14, "a body alone in empty space feels no force"


COLLISIONS = {
    "two at one point": lambda q: torch.cat([q[:, :1], q[:, :1], q[:, 2:]], 1),
    "all at one point": lambda q: q[:, :1].expand_as(q).clone(),
    "all at the origin": torch.zeros_like,
    "one at the origin": lambda q: torch.cat([0 * q[:, :1], q[:, 1:]], 1),
    "on a line": lambda q: torch.cat([q[..., :1], 0 * q[..., 1:]], -1),
    "opposite": lambda q: torch.cat([q[:, :1], -q[:, :1], q[:, 2:]], 1),
    "almost": lambda q: torch.cat([q[:, :1], q[:, :1] + 1e-160, q[:, 2:]], 1),
}


@every_model
@dtypes
@pytest.mark.parametrize("where", COLLISIONS)
def test_derivatives_are_finite_where_bodies_meet(name, dtype, where):
    model, q, _, bodies = setting(name, dtype)
    one = bodies.map(lambda x: x[0])
    x = COLLISIONS[where](q)[0]
    energy = lambda z: model.potential(z, one)  # noqa: E731
    assert torch.isfinite(energy(x))
    assert torch.isfinite(torch.func.grad(energy)(x)).all()
    assert torch.isfinite(torch.func.hessian(energy)(x)).all()


@every_model
def test_first_and_second_derivatives_are_those_of_finite_differences(name):
    model, q, _, bodies = setting(name, n=3, batch=1)
    x = q.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: model.potential(z, bodies), x)
    assert torch.autograd.gradgradcheck(lambda z: model.potential(z, bodies), x)


@every_model
def test_the_weights_get_gradients_through_the_field(name):
    model, q, _, bodies = setting(name)
    model.field(bodies).force(ZERO, q).square().sum().backward()
    for path, weight in model.named_parameters():
        constant = path.endswith(("blocks.0.outward.bias", "blocks.1.outward.bias")) or weight.grad is None
        assert constant or (torch.isfinite(weight.grad).all() and weight.grad.any()), path


# One function, the same each time


@every_model
def test_the_same_bits_each_time_in_train_and_eval(name):
    model, q, p, bodies = setting(name)
    before = [x.clone() for x in (q, p, *model.state_dict().values())]
    first = model.train().energy(PhaseState(q, p), bodies)
    assert torch.equal(first, model.energy(PhaseState(q, p), bodies))
    assert torch.equal(first, model.eval().energy(PhaseState(q, p), bodies))
    after = (q, p, *model.state_dict().values())
    assert all(torch.equal(x, y) for x, y in zip(before, after, strict=True)), "forward writes to nothing"


@models
def test_the_fast_field_is_the_gradient_of_the_energy(name):
    model, q, p, bodies = setting(name)
    plain = GeneralHamiltonian(model.energy).field(bodies)(ZERO, PhaseState(q, p))
    fast = model.field(bodies)(ZERO, PhaseState(q, p))
    close(fast.q, plain.q, torch.float64)
    close(fast.p, plain.p, torch.float64)


def test_weights_follow_the_seed_and_leave_the_global_generator_alone():
    state = torch.get_rng_state()
    a, b, c = (HLieConv("SE(2)", seed=s) for s in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    assert not torch.equal(a.potential.network.embed.weight, c.potential.network.embed.weight)


# LieConv against its formula


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


# Units


@pytest.mark.parametrize("group", ["SE(2)", "T(2)", "SO(2)"])
def test_calibration_makes_the_units_of_the_data_irrelevant(group):
    """Lengths × 1000, masses × 20, times × 7: the same weights give the same motion in the new units."""
    data = Springs(4, 2).generate(5, 0, 0, points=20).train
    L, M, T = 1000.0, 20.0, 7.0
    bodies = Bodies.of(M * data.bodies.mass, 0.3 * data.bodies.features)
    other = type(data).of(T * data.times, L * data.q, M * L / T * data.p, bodies)
    forces = []
    for x in (data, other):
        model = randomise(HLieConv(group, 1, width=8))
        model.calibrate(x)
        forces.append(model.field(x.bodies).force(ZERO, x.q[:, 0]))
    torch.testing.assert_close(forces[1], M * L / T**2 * forces[0], rtol=1e-10, atol=1e-9)


def test_calibration_measures_what_it_says_and_only_once():
    data = Springs(3, 2).generate(4, 0, 0, points=10).train
    model = HLieConv("SE(2)", 1)
    model.calibrate(data)
    distances = torch.pdist(data.q.flatten(0, 1)[0]).new_empty(0)
    distances = torch.cat([torch.pdist(x) for x in data.q.flatten(0, 1)])
    assert model.potential.length.item() == pytest.approx(distances.square().mean().sqrt().item(), rel=1e-12)
    force = data.p.diff(dim=1) / 0.1 if data.times[0, 1] == 0.1 else data.p.diff(dim=1) / data.times[0].diff()[0]
    size = force.norm(dim=-1).square().mean().sqrt() * model.potential.length
    assert model.potential.energy.item() == pytest.approx(size.item(), rel=1e-9)
    before = {k: x.clone() for k, x in model.state_dict().items()}
    model.calibrate(Springs(5, 2).generate(4, 0, 0, points=10, seed=5).train)
    assert all(torch.equal(x, before[k]) for k, x in model.state_dict().items())


def test_padding_does_not_enter_the_units():
    data = Springs(3, 2).generate(4, 0, 0, points=10).train
    n, wide = 3, 5
    mask = torch.arange(wide) < n

    def widen(x, axis):
        shape = list(x.shape)
        shape[axis] = wide - n
        return torch.cat([x, torch.full(shape, 9.0, dtype=x.dtype)], axis)

    bodies = Bodies.of(widen(data.bodies.mass, 1), widen(data.bodies.features, 1), mask.expand(4, -1))
    more = type(data).of(data.times, widen(data.q, 2), widen(data.p, 2), bodies)
    units = []
    for x in (data, more):
        model = HLieConv("SE(2)", 1)
        model.calibrate(x)
        units.append([model.potential.length, model.potential.energy, *model.potential.scale])
    torch.testing.assert_close(torch.stack(units[0]), torch.stack(units[1]), rtol=1e-12, atol=0)


@pytest.mark.parametrize("group", ["SE(2)", "SO(2)"])
def test_degenerate_data_gives_units_all_the_same(group):
    """One body, at rest at the origin, without features that vary: every unit is 1, none is 0 or NaN."""
    zero = torch.zeros(1, 5, 1, 2, dtype=torch.float64)
    bodies = Bodies.of(torch.ones(1, 1, dtype=torch.float64), torch.zeros(1, 1, 1, dtype=torch.float64))
    data = Springs(1, 2).generate(1, 0, 0, points=5).train
    model = HLieConv(group, 1)
    model.calibrate(type(data).of(data.times, zero, zero, bodies))
    assert model.potential.length == model.potential.energy == 1 and model.potential.scale.eq(1).all()


# Files


@every_model
@dtypes
def test_a_saved_model_is_the_same_function(name, dtype, tmp_path):
    model, q, p, bodies = setting(name, dtype)
    save_model(model, tmp_path / "m.safetensors")
    again = load_model(tmp_path / "m.safetensors")
    assert torch.equal(again.energy(PhaseState(q, p), bodies), model.energy(PhaseState(q, p), bodies))
    assert again.config == model.config and again.group.name == model.group.name
    save_model(again, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == (tmp_path / "m.safetensors").read_bytes()


class MyLift(CosetLift):
    """A lift of one's own."""

    kind = "mine"


def test_what_a_file_cannot_hold_is_handed_back(tmp_path):
    """A group or a lift of one's own: asked for by name, never guessed."""
    own, path = CustomGroup("mine", *make_group("SO(2)").generators()), tmp_path / "m.safetensors"
    q, _, bodies = cloud(2)
    for model, given, parts in (
        (HLieConv(own, 2), {"group": own}, r"group must be one of .*, got 'mine'"),
        (HLieConv("SE(2)", 2, lift=MyLift(make_group("SE(2)"))), {}, r"lift must be the {'kind': 'mine'.*, got None"),
    ):
        lift = model.potential.network.lift
        given = given or {"lift": lift}
        save_model(randomise(model), path)
        assert torch.equal(load_model(path, **given).potential(q, bodies), model.potential(q, bodies))
        with pytest.raises(InputError, match=parts):
            load_model(path)
        with pytest.raises(InputError, match=r"group must be (mine|SE.2.) as in .*, got T"):
            load_model(path, group=make_group("T(2)"))


def test_precision_is_saved_as_it_is(tmp_path):
    save_model(HLieConv("SE(2)").to(torch.float32), tmp_path / "m.safetensors")
    assert next(load_model(tmp_path / "m.safetensors").parameters()).dtype == torch.float32


# What is refused


@pytest.mark.parametrize(
    "arguments, settings, message",
    [
        (("SE(2)", -1), {}, "features must be at least 0, got -1"),
        (("SE(2)",), {"width": 3}, "width must be at least 4, got 3"),
        (("SE(2)",), {"blocks": 0}, "blocks must be at least 1, got 0"),
        (("SE(2)",), {"block": "big"}, "block must be one of gated, paper, got 'big'"),
        (("SU(2)",), {}, r"group must be one of .*, got 'SU\(2\)'"),
        (("SE(2)",), {"lift": PointLift(make_group("T(2)"))}, r"lift must be one of SE\(2\), got PointLift\(T\(2\)"),
    ],
)
def test_a_bad_argument_is_named(arguments, settings, message):
    with pytest.raises(InputError, match=message):
        HLieConv(*arguments, **settings)


def test_a_lift_of_the_wrong_kind_is_refused():
    with pytest.raises(InputError, match=r"lift must be CosetLift for SE\(2\), whose points have a stabiliser"):
        PointLift(make_group("SE(2)"))
    with pytest.raises(InputError, match=r"lift must be PointLift for T\(2\), which acts freely"):
        CosetLift(make_group("T(2)"))


def test_another_dimension_is_refused():
    model = HLieConv("SE(2)")
    q, _, bodies = cloud(3)
    with pytest.raises(InputError, match=r"q must be of shape \(\*batch, n, 2\) for SE\(2\), got \(3, 5, 3\)"):
        model.potential(q, Bodies.of(bodies.mass))
