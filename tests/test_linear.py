"""The ridge stage: its equations, its choice of functions, and what it leaves to the other stages."""

from functools import cache
from math import log

import pytest
import torch
from cases import trainer_of

import lieham
from lieham import HLieConv, VectorPotentialLieConv
from lieham.data import Dataset
from lieham.errors import InputError, Interrupted
from lieham.integrate import make_integrator
from lieham.models import load_model
from lieham.regression.dictionary import Columns, distinguishable
from lieham.regression.interpolant import Slopes, hermite, known, resolution
from lieham.regression.selection import WeakForm
from lieham.regression.weak_form import assemble
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.training import TrainConfig, fit
from systems import Bending, Coulomb, MagneticSprings, Springs
from systems.baselines import free_flight, window_mse


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def few(law, n=10, n_test=20):
    return law.benchmark(n, 0, n_test=n_test)


@pytest.mark.parametrize(
    ("group", "settings"),
    [
        ("SE(2)", {}),
        ("SE(2)", {"blocks": 2}),
        ("SE(2)", {"lift": "edge"}),
        ("SE(2)", {"radius": 2.0}),
        ("SE(2)", {"lift": "sampled"}),
        ("T(2)", {}),
        ("SO(3)", {}),
        ("SO(2)xT(1)", {}),
    ],
)
def test_basis_is_the_derivative_by_the_weights(group, settings):
    """V(θ) − V(0) = Σ θ Φ for random θ, padding included."""
    model = HLieConv(group, 1, width=8, **settings)
    d, potential = model.group.space_dim, model.potential
    q = torch.randn(3, 4, d, generator=generator(), dtype=torch.float64)
    mask = torch.tensor([True, True, True, False]).expand(3, 4)
    bodies = Bodies.of(torch.rand(3, 4, generator=generator(1), dtype=torch.float64) + 0.5, q[..., :1].abs(), mask)
    kernel = potential.network.blocks[-1].conv.kernel
    with torch.no_grad():
        kernel.mlp[-1].bias.zero_()
        theta = [torch.randn(w.shape, generator=generator(2), dtype=w.dtype) for w in kernel.linear()]
        values = []
        for factor in (0, 1):
            for w, x in zip(kernel.linear(), theta, strict=True):
                w.copy_(factor * x)
            values.append(potential(q, bodies))
        basis = potential.basis(q, bodies)
    want = values[1] - values[0]
    torch.testing.assert_close((basis * torch.cat(theta, 1).mT).sum((-1, -2)), want, rtol=1e-11, atol=1e-11)


def test_hermite_is_exact_for_polynomials_of_degree_nine():
    """Values and slopes at 5 uneven times determine a polynomial of degree 9."""
    times = torch.tensor([[0.0, 0.1, 0.25, 0.3, 0.45]], dtype=torch.float64)
    at = torch.tensor([[0.05, 0.2, 0.4]], dtype=torch.float64)
    coefficients = torch.randn(10, generator=generator(), dtype=torch.float64)
    powers = torch.arange(10)
    values, slopes = hermite(times, at)
    f = (times[..., None] ** powers) @ coefficients
    g = (powers * times[..., None] ** (powers - 1).clamp(min=0)) @ coefficients
    got = torch.einsum("bst,bt->bs", values, f) + torch.einsum("bst,bt->bs", slopes, g)
    torch.testing.assert_close(got, (at[..., None] ** powers) @ coefficients, rtol=1e-11, atol=1e-11)


def test_equations_hold_for_the_model_that_made_the_data():
    """Windows of a random model itself: its own weights solve the equations, others do not."""
    data = few(Springs(4, 2)).train
    model = HLieConv("SE(2)", 1, width=8, lift="coset")
    trainer = trainer_of(model, data, None, TrainConfig())
    with torch.no_grad():
        path = make_integrator("rkn4", substeps=16).integrate(model.field(data.bodies), data.state(0), data.times)
        own = type(data).of(data.times, path.q, path.p, data.bodies)
        kernel = model.potential.network.blocks[-1].conv.kernel
        theta = torch.cat([w.clone() for w in kernel.linear()], 1).mT
        for w in kernel.linear():
            w.zero_()
        dictionary = model.dictionary()
        every = Columns(torch.arange(len(theta)), distinguishable(dictionary, own))
        problem = assemble(model, dictionary, own, trainer.task.loss, (every, known(model, own)))
    z = (theta @ every.mixing).flatten() * problem.scale
    residual = (problem.A @ z - problem.y).square().mean()
    assert residual < 1e-16 * problem.y.square().mean()
    assert (problem.A @ (1.1 * z) - problem.y).square().mean() > 1e-3 * problem.y.square().mean()


# H(q, p)


@pytest.mark.parametrize("at", [0.0, 1.0], ids=["at no field", "at a field"])
def test_basis_of_a_vector_potential_is_the_derivative_by_the_weights(at):
    """Of H at θ, which is quadratic in θ: the central difference along random δθ is exact."""
    model = VectorPotentialLieConv("SO(2)xT(1)", 1, width=16)
    q, p = torch.randn(2, 3, 4, 3, generator=generator(), dtype=torch.float64)
    mask = torch.tensor([True, True, True, False]).expand(3, 4)
    bodies = Bodies.of(torch.rand(3, 4, generator=generator(1), dtype=torch.float64) + 0.5, q[..., :1].abs(), mask)
    weights = model.potential.network.blocks[-1].conv.kernel.linear()
    theta, change = (
        [torch.randn(w.shape, generator=generator(seed), dtype=w.dtype) for w in weights] for seed in (2, 3)
    )
    values = {}
    with torch.no_grad():
        for step in (-0.5, 0.5, 0.0):
            for w, x, dx in zip(weights, theta, change, strict=True):
                w.copy_(at * x + step * dx)
            values[step] = model.energy(PhaseState(q, p), bodies)
        basis = model.basis(PhaseState(q, p), bodies)
    want = values[0.5] - values[-0.5]
    torch.testing.assert_close((basis * torch.cat(change, 1).mT).sum((-1, -2)), want, rtol=1e-10, atol=1e-10)
    assert (values[0.5] + values[-0.5] - 2 * values[0.0]).abs().min() > 1e-3, "H is not linear in θ"


@cache
def magnetic():
    """A model of four charges in a magnetic field after its ridge stage, and what it was not shown."""
    data = few(MagneticSprings(4), 12)
    model = VectorPotentialLieConv("SO(2)xT(1)", 1)
    history = fit(model, Dataset(train=data.train), steps=1, refine=0)
    return model, history, data.test


def test_a_magnetic_field_is_found_without_gradients():
    """From 12 windows: a is k B × q / 2, which nobody told, and windows end 1e-8 of free flight's error off."""
    model, history, test = magnetic()
    assert [row["stage"] for row in history.rows] == ["ridge"]
    want = MagneticSprings(4).vector_potential(test.q, test.bodies.over_time())
    with torch.no_grad():
        error = (model.vector_potential(test.q, test.bodies.over_time()) - want).norm() / want.norm()
    assert error < 1e-3
    assert median_error(model, test, "rk4") < 1e-8 * window_mse(free_flight(test), test).median()


def test_charges_of_a_found_field_stay_those_of_the_group():
    """L_z and P_z at round-off along gauss4; L_x, of no symmetry of the law, not."""
    model, _, test = magnetic()
    path = lieham.forecast(model, test, steps=20, method="gauss4")
    drift = {x.name: x.drift.max().item() for x in lieham.conservation(path).charges}
    assert max(drift["L_z"], drift["P_z"]) < 1e-13 < 1e-3 < drift["L_x"]


def test_the_path_is_sharpened_by_the_solution():
    """The first pass knows positions and momenta alone: what it leaves of windows left out is far more."""
    data = few(MagneticSprings(4), 12).train
    model = VectorPotentialLieConv("SO(2)xT(1)", 1)
    trainer = trainer_of(model, data, None, TrainConfig())
    with torch.no_grad():
        whole = WeakForm(model, model.dictionary(), data, trainer.task.loss)
        first = whole.posed(whole.thresholds[:1])[1].left
        last = whole.sharpened()[1].left
    assert last < first - log(1e4)


@pytest.mark.parametrize("law", [Springs(4, 2), Coulomb(4, 2)], ids=["springs", "coulomb"])
def test_the_default_solves_pair_laws_without_gradients(law):
    """From 20 windows: no stage after the first, and a test error 1e-5 of free flight's in the median."""
    data = few(law, 20)
    model = HLieConv("SE(2)", data.train.bodies.features.shape[-1])
    history = fit(model, Dataset(train=data.train))
    assert [row["stage"] for row in history.rows] == ["ridge"]
    with torch.no_grad():
        path = make_integrator("rkn4", substeps=4).integrate(
            model.field(data.test.bodies), data.test.state(0), data.test.times
        )
    floor = window_mse(free_flight(data.test), data.test).median()
    assert window_mse(path, data.test).median() < 1e-5 * floor


def test_the_paper_s_block_has_no_linear_stage():
    model = HLieConv("SE(2)", 1, width=8, block="paper")
    rows = fit(model, few(Springs(4, 2)), steps=2, refine=0).rows
    assert [row["stage"] for row in rows] == ["adam"]


def test_tolerance_decides_whether_other_stages_follow():
    rows = fit(HLieConv("SE(2)", 1, width=8, lift="coset"), few(Springs(4, 2)), steps=2, refine=0, tolerance=0.0).rows
    assert [row["stage"] for row in rows] == ["ridge", "adam"]


def test_a_solution_that_is_worse_is_not_taken():
    """A model that has converged keeps its weights bit for bit."""
    data = few(Springs(4, 2))
    model = HLieConv("SE(2)", 1, width=8, lift="coset")
    fit(model, Dataset(train=data.train))
    trainer = trainer_of(model, data.train, None, TrainConfig())
    before = {name: x.clone() for name, x in model.state_dict().items()}
    trainer.stages[0]._descend = lambda *_: float("inf")
    trainer.stages[0].step(trainer._fixed_loss)
    assert same(trainer.stages[0].model, before)


def same(model, weights):
    return all(torch.equal(x, weights[name]) for name, x in model.state_dict().items())


def test_an_interrupted_solution_is_undone():
    """The stop that comes with the third loss leaves the weights as they were."""
    asked = []
    data = few(Springs(4, 2))
    model = HLieConv("SE(2)", 1, width=8, lift="coset")
    before = {name: x.clone() for name, x in model.state_dict().items() if "kernel" in name}
    trainer = trainer_of(model, data.train, None, TrainConfig(), stop=lambda: bool(asked.append(1)) or len(asked) > 2)
    with pytest.raises(Interrupted):
        list(trainer.run())
    assert len(asked) == 3 and all(torch.equal(model.state_dict()[name], x) for name, x in before.items())


def test_adam_begins_from_the_weights_before():
    data = few(Springs(4, 2))
    model = HLieConv("SE(2)", 1)
    trainer = trainer_of(model, data.train, None, TrainConfig(tolerance=0.0))
    before = {name: x.clone() for name, x in model.state_dict().items()}
    row = next(trainer.run())
    assert row["stage"] == "ridge" and row["validation"] < 1e-3 * row["loss"]
    assert same(model, before) and not same(trainer.stages[0].model, before)
    trainer._next_stage()
    assert same(model, before) and trainer.history.best == row["validation"]


def test_float32_is_solved_too():
    """To what the coordinates' own rounding leaves, in a loss whose unit is the change in one step."""
    rows = fit(HLieConv("SE(2)", 1, dtype=torch.float32), few(Springs(4, 2)), steps=2, refine=0).rows
    assert rows[0]["stage"] == "ridge" and rows[0]["validation"] < 1e-3 * rows[0]["loss"]


def test_bodies_at_one_point_raise_nothing():
    """All bodies of all windows at one point: no force explains the data, and the other stages still run."""
    data = few(Springs(4, 2)).train
    q = data.q[:, :, :1].expand_as(data.q)
    data = Dataset(train=type(data).of(data.times, q, data.p, data.bodies))
    rows = fit(HLieConv("SE(2)", 1, width=8, lift="coset"), data, steps=2, refine=0).rows
    assert rows[-1]["stage"] == "adam"


# Which lift


@pytest.mark.parametrize(
    ("law", "lift", "wanted"),
    [(Bending(3, 2), None, "edge"), (Springs(3, 2), None, "coset"), (Bending(3, 2), "coset", "coset")],
    ids=["angles", "pairs", "asked for"],
)
def test_angles_are_seen_where_pairs_do_not_hold_the_law(law, lift, wanted):
    data = few(law, 40)
    model = HLieConv("SE(2)", data.n_features, lift=lift)
    weights = model.potential
    fit(model, data, steps=1, refine=0)
    assert model.config["lift"]["kind"] == model.potential.network.lift.kind == wanted
    assert (model.potential is weights) == (wanted == (lift or "coset"))
    gain = window_mse(free_flight(data.test), data.test).median() / median_error(model, data.test)
    assert (gain > 1e3) == (lift is None), "100 is what is asked of every law"


def median_error(model, x, method="rkn4"):
    with torch.no_grad():
        path = make_integrator(method).integrate(model.field(x.bodies), x.state(0), x.times)
    return window_mse(path, x).median()


def test_a_run_that_chose_its_lift_is_resumed_and_loaded_with_it(tmp_path):
    data = few(Bending(3, 2), 20)
    settings = {"steps": 2, "refine": 0, "evaluate_every": 1, "tolerance": 0.0}
    whole = HLieConv("SE(2)")
    fit(whole, data, **settings)
    model = HLieConv("SE(2)")

    def interrupt(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(model, data, run=tmp_path / "run", progress=interrupt, **settings)
    again = HLieConv("SE(2)")
    fit(again, data, run=tmp_path / "run", resume=True, **settings)
    loaded = load_model(tmp_path / "run" / "model.safetensors")
    assert loaded.config["lift"]["kind"] == "edge"
    for other in (again, loaded):
        for name, value in whole.state_dict().items():
            assert torch.equal(other.state_dict()[name], value), name


def test_a_lift_is_chosen_before_anything_was_learned_and_never_after():
    data = few(Bending(3, 2), 10)
    model = HLieConv("SE(2)")
    assert model.richer().config["lift"]["kind"] == "edge"
    assert model.config["lift"]["kind"] == "coset", "the model itself is left as it is"
    model.calibrate(data.train)
    assert model.richer() is None
    assert HLieConv("SE(2)", lift="coset").richer() is None
    assert HLieConv("T(2)").richer() is None


def test_a_model_adopts_its_own_kind_alone():
    with pytest.raises(InputError, match="model must be one of HLieConv"):
        HLieConv("SE(2)").adopt(HLieConv("T(2)"))
    with pytest.raises(InputError, match="model must be one that can see more"):
        Springs(2, 2).hamiltonian().adopt(HLieConv("SE(2)"))


def test_the_dictionary_gets_what_was_set_and_has_no_constant():
    """θ comes back, H changes by Σ θ Φ, and a model that is not linear, or samples its lift, has no dictionary."""
    model = HLieConv("SE(2)", 1, width=8)
    dictionary = model.dictionary()
    theta = torch.randn(dictionary.get().shape, generator=generator(), dtype=torch.float64)
    state, bodies = Springs(3, 2).sample(4, generator())
    dictionary.set(torch.zeros_like(theta))
    before = model.energy(state, bodies)
    dictionary.set(theta)
    assert torch.equal(dictionary.get(), theta)
    change = (theta * dictionary.evaluate(state, bodies)).sum((-1, -2))
    torch.testing.assert_close(model.energy(state, bodies) - before, change, rtol=1e-11, atol=1e-11)
    slope = dictionary.slope(model.energy(state, bodies).sum())
    torch.testing.assert_close(slope, dictionary.evaluate(state, bodies).sum(0), rtol=1e-11, atol=1e-11)
    assert dictionary.rank.shape == (dictionary.functions,) == theta.shape[:1]
    assert HLieConv("SE(2)", block="paper").dictionary() is None
    assert HLieConv("SE(2)", lift="sampled").dictionary() is None
    assert Springs(2, 2).hamiltonian().dictionary() is None


def test_the_history_says_which_learner_made_the_result():
    data = few(Springs(4, 2))
    solved = fit(HLieConv("SE(2)", 1, lift="coset"), Dataset(train=data.train))
    assert solved.learner == "ridge regression in weak form"
    adam = fit(HLieConv("SE(2)", 1, width=8, block="paper"), Dataset(train=data.train), steps=2, refine=0)
    assert adam.learner == "gradient descent (Adam)"


def test_resolution_is_the_error_of_interpolating_two_points_of_five():
    """0 for a motion of degree 5, that of numpy's polynomial through values and slopes for one of degree 6."""
    times = torch.tensor([[0.0, 0.1, 0.25, 0.3, 0.45]], dtype=torch.float64)
    bodies = Bodies.of(torch.full((1, 1), 2.0, dtype=torch.float64))

    def windows(power, factor=1.0):
        q, v = factor * times**power, factor * power * times ** (power - 1)
        return Trajectory.from_velocities(times, q[..., None, None], v[..., None, None], bodies)

    def resolved(x):
        return resolution(x, Slopes(x.p / x.bodies.mass[:, None, :, None]))

    assert resolved(windows(5)).item() < 1e-15
    # What is left of t^6 is (t - t_0)² (t - t_2)² (t - t_4)², its leading coefficient being 1.
    known, left = times[0, [0, 2, 4]], times[0, [1, 3]]
    want = 3.0 * (left[:, None] - known).square().prod(1).max()
    assert resolved(windows(6, 3.0)).item() == pytest.approx(want.item(), rel=1e-6)
    assert resolved(windows(6).window(0, 4)).item() == 0, "too short to tell"


def test_windows_that_do_not_show_their_path_are_left_out():
    """Two of 20 windows are made to jump: without them the law is found as if they were not there."""
    data = few(Springs(4, 2), 20).train
    q = data.q.clone()
    q[:2, 1:4:2] += 10.0
    spoiled = Trajectory.of(data.times, q, data.p, data.bodies)
    trainer = trainer_of(HLieConv("SE(2)", 1), spoiled, None, TrainConfig())
    assert len(trainer.stages[0].windows) == 18
    assert torch.equal(trainer.stages[0].windows.q, spoiled.q[2:])
    trainer.stages[0].step(trainer._fixed_loss)
    test = few(Springs(4, 2), 20).test
    assert median_error(trainer.stages[0].model, test) < 1e-6 * window_mse(free_flight(test), test).median()
