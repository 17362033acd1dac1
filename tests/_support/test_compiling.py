"""A compiled force equals the plain one, and where compiling fails the plain one goes on."""

from __future__ import annotations

import warnings

import pytest
import torch

import lieham
from lieham._support.compiling import Compiled, compiled_gradient, gradient
from lieham.state import PhaseState
from systems import Springs
from tests.helpers.cases import cloud, make_model
from tests.helpers.networks import padded


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SE(2) gated", "T(2) paper", "SE(2) near"])
def test_a_compiled_field_equals_the_plain_one(name):
    """Half a minute each: forces, and what the weights get through them."""
    model = make_model(name)
    q, bodies = padded(model.group.space_dim)
    field, other = model.field(bodies), model.field(bodies)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        fast = field.compiled().force(None, q)
    plain = other.force(None, q)
    torch.testing.assert_close(fast, plain, rtol=1e-12, atol=1e-12 * plain.abs().max().item())
    found = [torch.autograd.grad(x.square().sum(), list(model.parameters()), allow_unused=True) for x in (fast, plain)]
    for a, b in zip(*found, strict=True):
        if b is not None and bool(b.any()):
            torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10 * b.abs().max().item())


def test_where_compiling_fails_the_plain_function_goes_on(monkeypatch):
    def broken(function, **settings):
        def call(*arguments):
            raise RuntimeError("no C++ compiler was found")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    compiled_gradient.cache_clear()
    model = make_model("SE(2) gated")
    q, p, bodies = cloud(2)
    for field in (model.field(bodies), lieham.GeneralHamiltonian(model.energy).field(bodies)):
        with pytest.warns(RuntimeWarning, match="no C\\+\\+ compiler"):
            found = field.compiled()(None, PhaseState(q, p))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            again = field.compiled()(None, PhaseState(q, p))
        for x, y, z in zip(found, again, field(None, PhaseState(q, p)), strict=True):
            assert torch.equal(x, z) and torch.equal(y, z)
    compiled_gradient.cache_clear()


def test_a_wrong_argument_is_no_failure_of_the_compiler(monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda function, **settings: function)
    function = Compiled(gradient(lambda x: x @ x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(RuntimeError):
            function(torch.ones(2, 3))
        assert torch.equal(function(torch.ones(2)), 2 * torch.ones(2))


def test_one_compiled_function_serves_equal_fields():
    model = make_model("SE(2) gated")
    first, second = (model.at(cloud(2, seed=seed)[2])[0] for seed in (0, 1))
    assert first == second and hash(first) == hash(second)
    assert first != make_model("SE(2) gated").at(cloud(2)[2])[0]
    assert gradient(first) is not gradient(second)
    assert isinstance(compiled_gradient(first), Compiled) and compiled_gradient(first) is compiled_gradient(second)


@pytest.mark.slow
def test_training_and_forecast_with_a_compiled_force():
    """The same weights and states as without, to round-off that 10 steps of Adam magnify."""
    data = Springs(4, 2).benchmark(20, 0, n_test=2)
    weights, paths = [], []
    for compile in (False, True):
        model = lieham.HLieConv("SE(2)", 1, width=16)
        lieham.fit(model, data, steps=10, refine=0, evaluate_every=10, ridge=False, compile=compile)
        weights.append(torch.cat([x.flatten() for x in model.parameters()]).detach())
        paths.append(lieham.forecast(model, data.test, 10, compile=compile).trajectory.q)
    for plain, fast in (weights, paths):
        torch.testing.assert_close(fast, plain, rtol=1e-7, atol=1e-7)
