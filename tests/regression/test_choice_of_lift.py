"""The choice of a lift by cross-validation."""

from __future__ import annotations

import pytest
import torch

from lieham import HLieConv
from lieham.data import Dataset
from lieham.errors import InputError
from lieham.lift.tensor import FILLS, SCALES
from lieham.models import load_model
from lieham.regression.cross_validation import share_left
from lieham.training import fit
from systems import Bending, Springs
from systems.baselines import free_flight, window_mse
from tests.regression.helpers import few, generator, median_error


@pytest.mark.parametrize(
    ("group", "law", "lift", "wanted"),
    [
        ("SE(2)", Springs(3, 2), None, "coset"),
        ("SE(2)", Bending(3, 2), "coset", "coset"),
        ("E(2)", Bending(3, 2), None, "tensor"),
    ],
    ids=["pairs", "asked for", "angles"],
)
def test_angles_are_seen_where_pairs_do_not_hold_the_law(group, law, lift, wanted):
    data = few(law, 40)
    model = HLieConv(group, data.n_features, lift=lift)
    weights = model.potential
    said = fit(model, data, steps=1, refine=0).summary()
    assert ("terms of three bodies are taken" in said) == (wanted == "tensor")
    assert model.config["lift"]["kind"] == model.potential.network.lift.kind == wanted
    assert (model.potential is weights) == (wanted == (lift or "coset"))
    gain = window_mse(free_flight(data.test), data.test).median() / median_error(model, data.test)
    assert (gain > 1e3) == (lift is None), "100 is what is asked of every law"


def test_a_run_that_chose_its_lift_is_resumed_and_loaded_with_it(tmp_path):
    data = few(Bending(3, 2), 10)
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
    assert loaded.config["lift"]["kind"] == "tensor"
    for other in (again, loaded):
        for name, value in whole.state_dict().items():
            assert torch.equal(other.state_dict()[name], value), name


def test_a_lift_is_chosen_before_anything_was_learned_and_never_after():
    data = few(Bending(3, 2), 10)
    model = HLieConv("SE(2)")
    functions, far, near, *ends = model.richer()
    assert [x.config["lift"]["fill"] for x in ends] == list(FILLS)
    more = [far, near, *near.richer()]
    assert functions.config["feature_functions"] is True and functions.config["lift"] == model.config["lift"]
    assert not functions.richer(), "no functions are more than all of them"
    lifts = [x.config["lift"] for x in more]
    assert [(x["kind"], x["order"], x["near"]) for x in lifts] == [
        ("tensor", 3, SCALES[0]),
        ("tensor", 3, SCALES[1]),
        ("tensor", 4, SCALES[1]),
    ]
    assert model.config["lift"]["kind"] == "coset", "the model itself is left as it is"
    assert not more[2].richer(), "order 4 is the last"
    model.calibrate(data.train)
    assert not model.richer()
    model.adopt(more[0])
    assert not model.richer()
    for settings in ({"lift": "coset"}, {"blocks": 2}, {"block": "paper"}, {"feature_functions": True}):
        assert not HLieConv("SE(2)", **settings).richer()
    assert [x.config["lift"]["kind"] for x in HLieConv("T(2)").richer()] == ["point"], "tensors need rotations"


def test_functions_that_end_are_moved():
    ends = HLieConv("SE(2)").richer()[-1]
    assert [x.config["lift"]["fill"] for x in ends.reaching(0.1)] == pytest.approx([FILLS[-1] - 0.1, FILLS[-1] + 0.1])
    assert len(ends.reaching(0.4)) == 1, "all bodies are no cutoff"
    assert not HLieConv("SE(2)").reaching(0.1) and not Springs(2, 2).hamiltonian().reaching(0.1)


def test_what_functions_that_end_leave_of_a_body_afar_says_nothing():
    whole = torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64)
    for afar, wanted in ((0.0, 1e-2), (1e-3, (1e-2 * 1e-2 * 1e3) ** (1 / 3))):
        left = share_left(torch.tensor([1e-2, 1e-2, afar], dtype=torch.float64), whole)
        assert left.exp().item() == pytest.approx(wanted, rel=0.2)


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
    change = (theta * dictionary.evaluate(state, bodies).flatten(-2)).sum(-1)
    torch.testing.assert_close(model.energy(state, bodies) - before, change, rtol=1e-11, atol=1e-11)
    slope = dictionary.slope(model.energy(state, bodies).sum())
    torch.testing.assert_close(slope, dictionary.evaluate(state, bodies).sum(0).flatten(), rtol=1e-11, atol=1e-11)
    assert dictionary.rank.shape == (dictionary.functions,) and len(theta) % dictionary.functions == 0
    assert HLieConv("SE(2)", block="paper").dictionary() is None
    assert HLieConv("SE(2)", lift="sampled").dictionary() is None
    assert Springs(2, 2).hamiltonian().dictionary() is None


def test_the_history_says_which_learner_made_the_result():
    data = few(Springs(4, 2))
    solved = fit(HLieConv("SE(2)", 1, lift="coset"), Dataset(train=data.train))
    assert solved.learner == "ridge regression in weak form"
    adam = fit(HLieConv("SE(2)", 1, width=8, block="paper"), Dataset(train=data.train), steps=2, refine=0)
    assert adam.learner == "gradient descent (Adam)"
