"""A saved model is the same function; what cannot be saved or built is named."""

from __future__ import annotations

import pytest
import torch

from lieham.errors import InputError
from lieham.groups import CustomGroup, make_group
from lieham.lift import CosetLift, PointLift
from lieham.models import HLieConv, load_model, save_model
from lieham.state import Bodies, PhaseState
from tests.helpers.cases import cloud, randomise
from tests.helpers.models import dtypes, every_model, setting

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
        (HLieConv(own, 2), {"group": own}, r"group must be given for .*'mine' is user-defined.*group=\.\.\.\)"),
        (HLieConv("SE(2)", 2, lift=MyLift(make_group("SE(2)"))), {}, r"the lift of .* must be one of .*, got mine"),
    ):
        lift = model.potential.network.lift
        given = given or {"lift": lift}
        save_model(randomise(model), path)
        assert torch.equal(load_model(path, **given).potential(q, bodies), model.potential(q, bodies))
        with pytest.raises(InputError, match=parts):
            load_model(path)
        with pytest.raises(InputError, match=r"group must be (mine|SE.2.) as in .*, got T"):
            load_model(path, group=make_group("T(2)"))
        with pytest.raises(InputError, match=r"group must be (mine|SE.2.) as in .*, got T"):
            load_model(path, group="T(2)")
        with pytest.raises(InputError, match="device must be one that torch has here, such as cpu or cuda, got 'tpu'"):
            load_model(path, "tpu", **given)


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
