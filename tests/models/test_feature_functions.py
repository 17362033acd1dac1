"""Functions of mass and features: powers and logarithms, or indicators of few values."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham import HLieConv, fit
from lieham.data import Dataset
from lieham.dynamics import SeparableHamiltonian
from lieham.errors import InputError
from lieham.integrate import integrate
from lieham.models.feature_functions import POSITIVE, FeatureFunctions, feature_functions_of
from lieham.models.io import load_model, save_model
from lieham.state import Bodies, PhaseState, Trajectory
from systems.baselines import free_flight, window_mse
from tests.regression.helpers import generator, median_error


def data_of(weight, mass, feature):
    """Windows of bodies in the plane that attract by w(i, j)/√(r² + 0.09); half of them for tests."""
    shape, i, j = (*mass.shape, 2), *torch.triu_indices(mass.shape[1], mass.shape[1], 1)

    def law(q, bodies):
        channels = bodies.mass, bodies.features[..., 0]
        w = weight(*(x[..., k] for x in channels for k in (i, j)))
        return -(w / ((q[..., i, :] - q[..., j, :]).square().sum(-1) + 0.09).sqrt()).sum(-1)

    q, p = (torch.randn(shape, generator=generator(k), dtype=torch.float64) for k in (1, 2))
    times = 0.1 * torch.arange(5, dtype=torch.float64)
    bodies = Bodies.of(mass, feature[..., None])
    path = integrate(
        SeparableHamiltonian(law).field(bodies), PhaseState(q, 0.3 * p * mass[..., None]), times, "yoshida6",
        substeps=16,
    )  # fmt: skip
    x = Trajectory.of(times, path.q, path.p, bodies)
    return Dataset(train=x[: len(q) // 2], test=x[len(q) // 2 :])


def uniform(k, n, seed, low=0.3, high=2.5):
    return low + (high - low) * torch.rand(k, n, generator=generator(seed), dtype=torch.float64)


WEIGHTS = {
    "roots of masses": lambda m, n, c, d: (m * n).sqrt(),
    "powers of charges": lambda m, n, c, d: (c * d) ** 1.5,
    "a number for each kind": lambda m, n, c, d: torch.tensor([1.0, -0.7, 0.4]).double()[(c + d).long() % 3],
}


@pytest.mark.parametrize("name", WEIGHTS)
def test_weights_that_are_no_products_of_features_are_learned(name):
    k, n = 80, 3
    kinds = torch.randint(4, (k, n), generator=generator(3)).double()
    feature = kinds if "kind" in name else uniform(k, n, 3)
    data = data_of(WEIGHTS[name], uniform(k, n, 4), feature)
    model = HLieConv("SE(2)", 1)
    said = fit(model, data, steps=0, refine=0).summary()
    assert "of feature 0" in said and model.config["lift"]["kind"] == "coset"
    plain = HLieConv("SE(2)", 1, lift="coset")
    fit(plain, data, steps=0, refine=0)
    free, own, other = (
        window_mse(free_flight(data.test), data.test).median(), median_error(model, data.test),
        median_error(plain, data.test),
    )  # fmt: skip
    assert own < free / 1e4, "100 is what is asked of every law"
    assert other > 100 * own, "the negative control: masses and features alone"


def test_functions_are_found_by_the_values():
    mass, zero = torch.tensor([[1.0, 2.0, 6.0, 2.0]] * 4), torch.zeros(4, 4)
    many = 0.1 + torch.arange(16.0).view(4, 4)
    features = torch.stack([many, many - 3, zero], -1)
    assert feature_functions_of(Bodies.of(mass, features)) == [[1, 2, 6], list(POSITIVE[:5]), ["square"], []]
    assert feature_functions_of(Bodies.of(many))[0] == list(POSITIVE)


def test_indicators_of_a_feature_are_one_family():
    functions = FeatureFunctions([["sqrt", "log"], [1.0, 2.0, 3.0], [0.0, 4.0]], 3)
    assert functions.family(7) == [7, 8, 9, 9, 9, 10, 10]
    assert FeatureFunctions([[], [5.0, 6.0], []], 3).family(3) == [3, 3]


def test_functions_of_padding_are_finite_and_others_are_what_they_say():
    functions = FeatureFunctions([list(POSITIVE), [0.0, 2.0]], 2)
    channels = torch.tensor([[4.0, 2.0], [0.0, 5.0]], dtype=torch.float64)
    found = functions(channels, torch.tensor([2.0, 3.0], dtype=torch.float64))
    x = 2.0
    wanted = [x**0.5, 1 / x, x**2, torch.tensor(x).double().log().item(), x**1.5, x**3, x**-0.5, 0.0, 1.0]
    torch.testing.assert_close(found[0], torch.tensor(wanted, dtype=torch.float64), rtol=1e-14, atol=0)
    assert found.isfinite().all()


def test_what_was_chosen_is_saved_and_others_are_refused(tmp_path):
    data = data_of(WEIGHTS["roots of masses"], uniform(20, 3, 4), torch.tensor([0.0, 1.0, 2.0]).double().expand(20, 3))
    model = HLieConv("SE(2)", 1, feature_functions=True)
    fit(model, data, steps=0, refine=0)
    save_model(model, tmp_path / "model.safetensors")
    loaded = load_model(tmp_path / "model.safetensors")
    assert loaded.config["feature_functions"] == [list(POSITIVE), [0.0, 1.0, 2.0]]
    bodies, state = data.test.bodies, data.test.state(0)
    assert torch.equal(model.energy(state, bodies), loaded.energy(state, bodies))
    strange = Trajectory.of(data.test.times, data.test.q, data.test.p, Bodies.of(bodies.mass, bodies.features + 0.5))
    with pytest.raises(InputError, match=r"feature 0 must be one of the 3 values of training, got 0\.5"):
        lieham.forecast(loaded, strange, steps=2)
    with pytest.raises(InputError, match="feature 0 must be positive as in training, got -2"):
        FeatureFunctions([[], list(POSITIVE)], 2).check(Bodies.of(bodies.mass, -bodies.features))
    with pytest.raises(InputError, match="function of a feature must be one of"):
        HLieConv("SE(2)", feature_functions=[["tangent"]])
    for given in ([["sqrt"]], [["sqrt"], [], []], ["sqrt", "log"]):
        with pytest.raises(InputError, match="feature_functions must be 2 lists, for the mass and each feature"):
            HLieConv("SE(2)", 1, feature_functions=given)
    with pytest.raises(InputError, match="feature_functions must be given to an HLieConv"):
        lieham.VectorPotentialLieConv("T(2)", feature_functions=True)
    with pytest.raises(InputError, match="feature_functions must be False"):
        HLieConv("SE(2)", lift="tensor", feature_functions=True)
