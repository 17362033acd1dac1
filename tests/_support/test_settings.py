"""A setting of another type is refused by its name, in every config and lift; numbers of numpy become Python's own."""

from __future__ import annotations

import json
from dataclasses import fields

import numpy as np
import pytest
import torch

from lieham._support.settings import WORDS
from lieham.auditing.config import AuditConfig
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.lift import LIFTS, make_lift
from lieham.models import HLieConv, LieConvClassifier, VectorPotentialLieConv
from lieham.models.config import CloudModelConfig, ModelConfig
from lieham.models.registry import settings_of
from lieham.training.config import CloudTrainConfig, TrainConfig

CONFIGS = (ModelConfig, CloudModelConfig, TrainConfig, CloudTrainConfig, AuditConfig)
FIELDS = [
    (config, f)
    for config in CONFIGS
    for f in fields(config)
    if set(str(f.type).split(" | ")) <= {*WORDS, "None"} and f.name != "device"
]
OTHERS = {"int": ("1", 1.5, True, None, [1]), "float": ("1", True, [1.0], 1j), "str": (1, b"a"), "bool": (1, "yes")}
OTHERS |= {"dict": (3, [1])}


@pytest.mark.parametrize(("config", "f"), FIELDS, ids=lambda x: getattr(x, "__name__", None) or x.name)
def test_a_setting_of_another_type_is_named(config, f):
    kinds = str(f.type).split(" | ")
    wanted = " or ".join(WORDS[kind] for kind in kinds if kind in WORDS)
    for wrong in OTHERS[kinds[-1] if kinds[-1] in OTHERS else kinds[0]]:
        if wrong is None and "None" in kinds:
            continue
        with pytest.raises(InputError) as caught:
            config(**{f.name: wrong})
        assert str(caught.value) == f"{f.name} must be {wanted}, got {wrong!r}"


@pytest.mark.parametrize("config", CONFIGS)
def test_settings_of_the_right_type_pass(config):
    """The control: every default, numpy's numbers, whole numbers for real ones, and a torch.device."""
    own = config()
    for f in fields(config):
        value = getattr(own, f.name)
        if str(f.type).startswith("int"):
            assert type(getattr(config(**{f.name: np.int64(value)}), f.name)) is int
        elif str(f.type) == "float":
            assert type(getattr(config(**{f.name: np.float64(value)}), f.name)) is float
        elif f.name == "device":
            assert config(device=torch.device("cpu")).device == "cpu"


@pytest.mark.parametrize("kind", LIFTS)
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"radius": "1"}, "radius must be a number, got '1'"),
        ({"radius": [1.0]}, "radius must be a number, got [1.0]"),
        ({"fill": "0.3"}, "fill must be a number, got '0.3'"),
        ({"fill": True}, "fill must be a number, got True"),
        ({"bases": "12"}, "bases must be an integer, got '12'"),
        ({"bases": 4.5}, "bases must be an integer, got 4.5"),
        ({"own": "yes"}, "own must be True or False, got 'yes'"),
        ({"samples": 1.5}, "samples must be an integer, got 1.5"),
        ({"bodies": "many"}, "bodies must be an integer, got 'many'"),
        ({"generator": 3}, "generator must be a torch.Generator, got 3"),
    ],
)
def test_a_setting_of_a_lift_of_another_type_is_named(kind, settings, message):
    """Through the name, through a dictionary, and by the class itself; and what a lift lacks is another message."""
    group = make_group("T(2)" if kind == "point" else "SE(2)")
    (name,) = settings
    lacks = name not in LIFTS[kind].__init__.__annotations__
    wanted = f"lift {kind} has no such setting as {name}: it has radius, fill" if lacks else message
    ways = [lambda: make_lift(kind, group, **settings), lambda: make_lift({"kind": kind, **settings}, group)]
    for make in ways if lacks else [*ways, lambda: LIFTS[kind](group, **settings)]:
        with pytest.raises(InputError) as caught:
            make()
        assert str(caught.value).startswith(wanted)


def test_an_error_inside_a_lift_is_not_called_a_setting(monkeypatch):
    class Broken(LIFTS["coset"]):
        def __init__(self, group, radius=None):
            len(radius)

    monkeypatch.setitem(LIFTS, "coset", Broken)
    with pytest.raises(TypeError, match="has no len"):
        make_lift("coset", make_group("SE(2)"), radius=1.0)


def test_a_setting_beside_a_lift_s_dictionary_is_not_dropped():
    model = HLieConv("SE(2)", lift={"kind": "coset", "bases": 5}, radius=2.0)
    assert model.potential.network.lift.settings == {
        "kind": "coset",
        "radius": 2.0,
        "fill": None,
        "bases": 5,
        "own": False,
    }
    with pytest.raises(InputError, match=r"radius must be given once, got 2.0 beside 1.0 in the lift"):
        HLieConv("SE(2)", lift={"kind": "coset", "radius": 1.0}, radius=2.0)


@pytest.mark.parametrize(
    "make",
    [
        lambda: HLieConv("SE(2)", features="1"),
        lambda: HLieConv("SE(2)", radius="1"),
        lambda: HLieConv("SE(2)", width=64.0),
        lambda: VectorPotentialLieConv("T(2)", fill="1"),
        lambda: LieConvClassifier("SE(2)", features=1.5),
        lambda: LieConvClassifier("SE(2)", classes="10"),
        lambda: LieConvClassifier("SE(2)", width="8"),
    ],
)
def test_a_model_is_not_made_of_settings_of_another_type(make):
    with pytest.raises(InputError, match=r"must be (a number|an integer), got"):
        make()


def test_settings_of_numpy_can_be_saved():
    model = HLieConv("SE(2)", np.int64(1), width=np.int64(8), radius=np.float32(2.0))
    assert '"width": 8' in json.dumps(settings_of(model))
