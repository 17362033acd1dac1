"""A uniform field is learned beside the law among the bodies, by the same regression."""

from __future__ import annotations

import importlib.util
import warnings
from functools import cache

import pytest
import torch

import lieham
from lieham import Dataset, HLieConv
from lieham.models import load_model, save_model
from lieham.regression.dictionary import Columns, distinguishable
from lieham.state import Bodies, PhaseState, Trajectory
from systems import Springs
from tests.helpers.cases import randomise
from tests.helpers.places import ROOT
from tests.helpers.pushed import driven, in_a_field, line

ALONE = {"steps": 0, "refine": 0}


@cache
def springs(dim: int = 2, count: int = 10, points: int = 30) -> Trajectory:
    return line(count, points) if dim == 1 else Springs(3, dim).generate(count, 0, 0, points=points).train


def dataset(x: Trajectory) -> Dataset:
    return Dataset(x[: len(x) - 2], x[len(x) - 2 :])


def learned(x: Trajectory, group: str, **settings) -> tuple[HLieConv, lieham.training.History]:
    """A model that was fitted; its lift is named, so that no other one is tried."""
    settings = {"lift": "coset" if group[0] == "S" else "point"} | settings
    made = HLieConv(group, x.bodies.features.shape[-1], **{"uniform_field": True} | settings)
    return made, lieham.fit(made, dataset(x), **ALONE)


@pytest.mark.parametrize(
    ("group", "g"),
    [
        ("T(1)", (1e-8,)),
        ("T(1)", (30.0,)),
        ("SE(2)", (1e-8, -2e-8)),
        ("SE(2)", (0.3, -20.0)),
        ("SE(3)", (0.1, 0.0, -9.8)),
    ],
)
def test_the_field_is_found_in_any_dimension_weak_and_strong(group, g):
    """To the error of the integrator in the loss, which is about 1e-12 of the accelerations among the bodies."""
    x = in_a_field(springs(len(g), 6, 20), g)
    with warnings.catch_warnings():
        warnings.simplefilter("error", lieham.LiehamWarning)
        made, history = learned(x, group)
    found = made.uniform_field.acceleration.detach()
    torch.testing.assert_close(found, torch.tensor(g, dtype=torch.float64), rtol=1e-9, atol=1e-10)
    assert history.best < 1e-18 and history.learner == "ridge regression in weak form"


def test_no_field_is_found_where_there_is_none():
    made, _ = learned(springs(), "SE(2)")
    assert made.uniform_field.acceleration.abs().max() < 1e-10


def test_the_law_is_that_without_the_field():
    """The forces among the bodies are as good as those learned from the same motion without a field."""
    g, x = (0.3, -2.0), springs()
    plain, _ = learned(x, "SE(2)", uniform_field=None)
    made, _ = learned(in_a_field(x, g), "SE(2)")
    q, bodies = x.q[:, 3], x.bodies
    weight = bodies.mass[..., None] * torch.tensor(g, dtype=torch.float64)
    want = plain.field(bodies).force(torch.zeros(()), q)
    torch.testing.assert_close(made.field(bodies).force(torch.zeros(()), q) - weight, want, rtol=1e-6, atol=1e-8)


def test_a_field_along_one_axis_is_0_along_the_others():
    made, _ = learned(in_a_field(springs(), (0.0, 0.5)), "SE(2)", uniform_field="y")
    found = made.uniform_field.acceleration
    assert found[0] == 0 and found[1].item() == pytest.approx(0.5, abs=1e-9)
    assert {p.charge: p.kept for p in made.promises("T(2)")} == {
        "P_x": True,
        "P_y": False,
        "K_x": True,
        "K_y": False,
        "H": True,
    }


def test_a_field_that_is_given_stays():
    g = (0.1, -9.81)
    made, history = learned(in_a_field(springs(), g), "SE(2)", uniform_field=g)
    assert made.uniform_field.acceleration.tolist() == list(g) and history.best < 1e-18
    with pytest.warns(lieham.LiehamWarning, match=r"beside the uniform field that is declared, by \(0, -0.81\)"):
        wrong, _ = learned(in_a_field(springs(), g), "SE(2)", uniform_field=(0.1, -9.0))
    assert wrong.uniform_field.acceleration.tolist() == [0.1, -9.0]


def test_one_body_that_falls():
    """SE(d) allows no force among fewer than two bodies, but a field moves one."""
    x = springs()
    q, p = (x[:, :1, :1].expand(-1, 30, -1, -1) for x in (springs().q, springs().p))
    one = Trajectory.of(x.times, q + p * x.times[..., None, None], p, Bodies.of(torch.ones_like(x.bodies.mass[:, :1])))
    made, history = learned(in_a_field(one, (0.0, -9.81)), "SE(2)")
    assert made.uniform_field.acceleration[1].item() == pytest.approx(-9.81, rel=1e-12) and history.best < 1e-24


@pytest.mark.parametrize("observed", ["positions", "noisy"])
def test_without_exact_momenta_the_field_is_learned_too(observed):
    x = in_a_field(springs(2, 30), (0.3, 0.1))
    if observed == "noisy":
        generator = torch.Generator().manual_seed(0)
        noise = 1e-4 * torch.randn(2, *x.q.shape, generator=generator, dtype=torch.float64)
        x = Trajectory.of(x.times, x.q + noise[0], x.p + noise[1], x.bodies)
    made = HLieConv("SE(2)", 1, uniform_field=True)
    lieham.fit(made, dataset(x), observed=observed, **ALONE)
    found = made.uniform_field.acceleration.detach()
    torch.testing.assert_close(found, torch.tensor([0.3, 0.1], dtype=torch.float64), rtol=0, atol=1e-3)


def test_gradients_learn_it_where_there_is_no_regression():
    x = in_a_field(springs(), (0.0, -3.0))
    made = HLieConv("SE(2)", 1, block="paper", width=8, uniform_field="y")
    made.calibrate(x)
    assert made.uniform_field.acceleration.tolist() == pytest.approx([0.0, -3.0], rel=1e-6), "it begins with Ṗ/M"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", lieham.LiehamWarning)
        lieham.fit(made, dataset(x), steps=5, refine=0)
    assert 1e-6 < abs(made.uniform_field.acceleration[1].item() + 3.0) < 0.3, (
        "it is one of the weights that are trained"
    )


def test_in_float32():
    x = in_a_field(springs(), (0.3, -2.0)).to(dtype=torch.float32)
    made, _ = learned(x, "SE(2)", dtype=torch.float32)
    found = made.uniform_field.acceleration.detach()
    torch.testing.assert_close(found, torch.tensor([0.3, -2.0]), rtol=0, atol=1e-4)


def test_a_model_with_a_field_is_saved_and_loaded(tmp_path):
    """Learned, given and none; a given field comes back to the last digit."""
    for declared in (True, "x", (0.1, -9.81), None):
        made = randomise(HLieConv("SE(2)", 1, width=8, uniform_field=declared))
        save_model(made, tmp_path / "m.safetensors")
        again = load_model(tmp_path / "m.safetensors")
        assert again.config == made.config
        pair = made.uniform_field, again.uniform_field
        assert pair == (None, None) or torch.equal(*(x.acceleration for x in pair))


def test_a_richer_model_has_the_same_field():
    made = HLieConv("SE(2)", 1, width=8, uniform_field="x")
    made.adopt(made.richer()[1])
    assert made.config["lift"]["kind"] == "tensor" and made.config["uniform_field"] == "x"
    assert made.uniform_field.axes.tolist() == [[1.0, 0.0]]


# The dictionary


def test_the_single_functions_are_what_their_coefficients_add_to_h():
    """Before and after the units are measured, with padding. θ comes back, and its slope is the functions."""
    x = in_a_field(springs(), (0.3, -2.0))
    for calibrated in (False, True):
        made = randomise(HLieConv("SE(2)", 1, width=8, uniform_field=True))
        if calibrated:
            made.calibrate(x)
        dictionary = made.dictionary()
        assert dictionary.singles == 2
        mask = torch.ones_like(x.bodies.mask)
        mask[0, -1] = False
        state, bodies = PhaseState(x.q[:, 0], x.p[:, 0]), Bodies(x.bodies.mass, x.bodies.features, mask)
        generator = torch.Generator().manual_seed(1)
        theta = torch.randn(dictionary.get().shape, generator=generator, dtype=torch.float64)
        dictionary.set(torch.zeros_like(theta))
        without = made.energy(state, bodies)
        dictionary.set(theta)
        assert torch.equal(dictionary.get(), theta)
        whole = torch.cat(
            [dictionary.evaluate(state, bodies).flatten(-2), dictionary.evaluate_singles(state, bodies)], -1
        )
        torch.testing.assert_close(whole @ theta, made.energy(state, bodies) - without, rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(
            dictionary.slope(made.energy(state, bodies).sum()), whole.sum(0), rtol=1e-9, atol=1e-9
        )


def test_columns_spread_and_gather_single_functions():
    x, made = springs(), HLieConv("SE(2)", 1, width=8, uniform_field=True)
    dictionary = made.dictionary()
    columns = Columns(torch.tensor([0, 3]), distinguishable(dictionary, x), dictionary.singles)
    count = 2 * columns.mixing.shape[1] + 2
    z = torch.arange(1.0, count + 1, dtype=torch.float64)
    theta = columns.spread(z, dictionary.functions)
    assert theta.shape == dictionary.get().shape
    torch.testing.assert_close(columns.gather(theta), z)
    assert columns.rank(dictionary)[-2:].tolist() == [-torch.inf] * 2
    assert columns.values(dictionary, x.states(), x.bodies.over_time()).shape == (10, 30, count)


def test_a_frozen_field_is_no_part_of_the_regression():
    made = HLieConv("SE(2)", 1, width=8, uniform_field=True)
    made.uniform_field.requires_grad_(False)
    assert made.dictionary().singles == 0
    made.calibrate(in_a_field(springs(), (1.0, 0.0)))
    made.dictionary().set(torch.ones_like(made.dictionary().get()))
    assert not made.uniform_field.acceleration.any()


# What is said of pushes that a field does not hold


@pytest.mark.parametrize(("field", "words"), [(None, "no uniform field explains it"), (True, "holds its mean alone")])
def test_a_push_that_varies_is_no_field(field, words):
    x = driven(springs(2, 10, 60), 0.1)
    with pytest.warns(lieham.LiehamWarning, match=words) as said:
        learned(x, "SE(2)", uniform_field=field)
    assert "uniform_field=True" not in str(said[0].message)


@pytest.mark.parametrize("size", [0.01, 30.0])
def test_a_constant_push_is_named_with_its_remedy(size):
    x = in_a_field(springs(), (size, 0.0))
    with pytest.warns(
        lieham.LiehamWarning, match=r"HLieConv\(..., uniform_field=True\), or --model.uniform_field true"
    ):
        learned(x, "SE(2)", uniform_field=None)


def test_a_push_beside_the_field_that_is_declared_is_named():
    with pytest.warns(lieham.LiehamWarning, match=r"beside the uniform field that is declared, by \(0.3, 0\)"):
        learned(in_a_field(springs(), (0.3, 0.0)), "SE(2)", uniform_field="y")


def test_springs_that_fall_need_fewer_data(capsys):
    """Three trajectories, in the example: a group that leaves the field to V needs more, for V tells heights apart."""
    spec = importlib.util.spec_from_file_location("falling_springs", ROOT / "examples" / "falling_springs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    errors = module.main(counts=(3,), steps=25)
    assert max(errors[1:]) < 1e-15 < 1e-10 < errors[0]
    assert "L_cm_x" in capsys.readouterr().out
