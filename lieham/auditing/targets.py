"""These functions turn what somebody hands over, a model of motion or any callable, into the subject of an audit."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from inspect import Parameter, signature
from typing import Any, Protocol, runtime_checkable

import torch
from torch import nn

from lieham.auditing.config import MOVES, AuditConfig
from lieham.auditing.subject import Subject
from lieham.dynamics.base import Functions, every_generator
from lieham.dynamics.kinetic import Newtonian
from lieham.errors import InputError, check_choice
from lieham.groups import Group
from lieham.typing import Tensor


@runtime_checkable
class Model(Protocol):
    """A Model says itself how it is audited, as lieham's Hamiltonians do; anything else counts as a function."""

    group: Group | None
    features: int | None

    def functions(self) -> Functions:
        """Return H, its field and, where H is separable, V, as functions of tensors."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the weights, whose dtype is that of the audit."""

    def to(self, *args: Any) -> Any:
        """Return the model on another device, or in another dtype."""


def of_model(
    model: Model, group: Group, inputs: dict[str, Tensor], config: AuditConfig, generator: torch.Generator
) -> Subject:
    """Make the subject of a model, on a copy of it.

    Args:
        model: gives its functions and units.
        group: the symmetry that is audited, for a model that declares none.
        inputs: `mass` (n,) and `features` (n, c); by default random ones in the units of the model, or of
            the kinds that it knows.
        config: settings of the audit.
        generator: draws the inputs that are not given.

    Raises:
        InputError: if the group acts on another dimension than the model's, or if other inputs are given.
    """
    own = model.group or group
    if own.space_dim != group.space_dim:
        raise InputError(f"group must act on {own.space_dim} dimensions like the model's, got {group}")
    for name in inputs:
        check_choice("input", name, ("mass", "features"))
    units, sizes = model.functions().units, 1 + (model.features or 0)
    unit = torch.ones(sizes, dtype=torch.float64) if units.bodies is None else units.bodies
    random = (0.5 + torch.rand(config.n_bodies, sizes, generator=generator, dtype=torch.float64)) * unit
    if units.kinds is not None:  # a body of another kind has no energy, and would hide what is broken
        random = units.kinds[torch.randint(len(units.kinds), (config.n_bodies,), generator=generator)]
    seen = {"mass": random[:, 0], "features": random[:, 1:]} | inputs
    settings: dict[str, Any] = {
        "dim": own.space_dim, "n": config.n_bodies, "inputs": seen, "moves": dict.fromkeys(seen, "scalar"),
        "dtype": next(iter(model.parameters()), random).dtype, "positive": own.positive, "takes_mask": True,
        "reach": config.reach, "length": config.length if units.length is None else units.length,
        "momentum": (units.energy * float(random[:, 0].mean())) ** 0.5,
    }  # fmt: skip
    return _of_functions(copy.deepcopy(model).to("cpu"), settings)


def _of_functions(model: Model, settings: dict[str, Any]) -> Subject:
    """Make the subject of H, which holds that of V where the model is separable."""
    functions, name = model.functions(), type(model).__name__
    own = {"separable": functions.potential is not None, "redraw": functions.redraw, "shares": functions.shares}
    settings = settings | own
    potential = None
    if functions.potential is not None:
        potential = Subject("V", functions.potential, "V", **settings)
    low = partial(_model_in_float32, model, settings)
    return Subject(name, functions.energy, "H", low=low, field=functions.rates, potential=potential, **settings)


def _model_in_float32(model: Model, settings: dict[str, Any], dtype: torch.dtype) -> Subject:
    return _of_functions(copy.deepcopy(model).to(torch.float32).to(dtype), settings | {"dtype": dtype})


def of_callable(
    function: Callable[..., Tensor], group: Group, inputs: dict[str, Tensor], config: AuditConfig
) -> Subject:
    """Make the subject of anybody's callable; a module is copied first.

    Args:
        function: of q (b, n, d), of p where the config's `kind` is "H", and of side inputs by name.
        group: the symmetry that is audited, whose dimension is that of space.
        inputs: side inputs of one system.
        config: settings of the audit.

    Raises:
        InputError: if side inputs are missing, if it is not said how they move, or if moves are said of others.
    """
    takes = _parameters(function)
    _check_inputs(_name(function), takes, inputs, config)
    _check_moves(inputs, config, group.space_dim)
    moves = {name: config.moves.get(name, "scalar") for name in inputs}
    module = copy.deepcopy(function) if isinstance(function, nn.Module) else None
    subject = Subject(
        _name(function), function if module is None else module, config.kind, group.space_dim, config.n_bodies,
        dict(inputs), moves, takes_mask="mask" in takes, separable=config.kind != "H", positive=group.positive,
        length=config.length, reach=config.reach, dtype=config.dtype, batched=config.batched,
        shares=every_generator if config.kind == "H" else Newtonian().keeps,
    )  # fmt: skip
    return subject if module is None else replace(subject, low=partial(_module_in_float32, subject, module))


def _module_in_float32(subject: Subject, module: nn.Module, dtype: torch.dtype) -> Subject:
    return replace(subject, dtype=dtype, function=copy.deepcopy(module).float().to(dtype))


def _parameters(function: Callable[..., Tensor]) -> dict[str, Parameter]:
    """Return the parameters of a callable by name; raise InputError for one that does not list them."""
    try:
        return dict(signature(function.forward if isinstance(function, nn.Module) else function).parameters)
    except ValueError as error:
        raise InputError(f"target must be a function that says what it takes, got {_name(function)}") from error


def _check_inputs(name: str, takes: dict[str, Parameter], inputs: dict[str, Tensor], config: AuditConfig) -> None:
    """Raise InputError if the callable needs a side input that was not given."""
    places = [own for own, x in takes.items() if x.kind is not Parameter.VAR_POSITIONAL and own != "mask"]
    for own in places[2 if config.kind == "H" else 1 :]:
        needed = takes[own].default is Parameter.empty and takes[own].kind is not Parameter.VAR_KEYWORD
        if needed and own not in inputs:
            raise InputError(f"inputs must hold {own!r}, which {name} takes, got {sorted(inputs)}")


def _check_moves(inputs: dict[str, Tensor], config: AuditConfig, dim: int) -> None:
    """Raise InputError if an input may move and nobody says how, or if moves are given for what is no input."""
    for name, x in inputs.items():
        if name not in config.moves and x.shape[-1:] == (dim,) and x.shape != (config.n_bodies,):
            raise InputError(
                f"moves must say how {name!r} of shape {tuple(x.shape)} moves with the bodies: {', '.join(MOVES)}"
            )
    for name in config.moves:
        if name not in inputs:
            raise InputError(f"moves must be of inputs, got {name!r}, which is none of {sorted(inputs)}")


def _name(function: object) -> str:
    return getattr(function, "__name__", type(function).__name__)
