"""What is audited: any callable H, V or force, with its side inputs and how they move."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from inspect import Parameter, signature

import torch
from torch import nn

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.dynamics.separable import SeparableHamiltonian
from lieham.errors import InputError, check_choice, expected
from lieham.groups import Group
from lieham.lift import Lift
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor

KINDS = ("H", "V", "force")
MOVES = ("scalar", "vector", "covector", "point")
"""How a side input follows x → A x + b: not at all, by A, by A⁻ᵀ, by A and b."""

Function = Callable[..., Tensor]


@dataclass(frozen=True)
class Subject:
    """A function of configurations (b, n, d), on its own copy of the module it may hold.

    `function` takes q, or q and p where `kind` is "H", and the side inputs by name. H and V give (b,), a force
    (b, n, d). `inputs` are those of one system: (n, ...) for each body, (n, n, ...) for each pair, else for the whole;
    `moves` says how each follows a motion. `takes_mask`: the function can be given padded bodies.
    """

    name: str
    function: Function
    kind: str
    dim: int
    n: int
    inputs: dict[str, Tensor] = field(default_factory=dict)
    moves: dict[str, str] = field(default_factory=dict)
    takes_mask: bool = False
    batched: bool = True
    separable: bool = True
    dtype: torch.dtype = torch.float64
    length: float = 1.0
    momentum: float = 1.0
    positive: bool = False
    module: nn.Module | None = None
    group: Group | None = None
    redraw: Callable[[torch.Generator], None] | None = None
    field: Callable[..., tuple[Tensor, Tensor]] | None = None
    potential: Subject | None = None

    def __call__(self, q: Tensor, p: Tensor | None = None, inputs: dict | None = None, mask: Tensor | None = None):
        """The function on a batch: q and p (b, n, d), inputs (b, ...), those of the subject by default."""
        inputs = self.expanded(len(q)) if inputs is None else inputs
        if self.takes_mask:
            inputs = inputs | {"mask": torch.ones(q.shape[:-1], dtype=torch.bool) if mask is None else mask}
        arguments = (q, p) if self.kind == "H" else (q,)
        if self.batched:
            value = self.function(*arguments, **inputs)
        else:
            rows = range(len(q))
            value = torch.stack(
                [self.function(*(x[k] for x in arguments), **{i: x[k] for i, x in inputs.items()}) for k in rows]
            )
        wanted = q.shape if self.kind == "force" else q.shape[:1]
        if value.shape != wanted:
            raise expected(self.name, f"a function of q {tuple(q.shape)} to {tuple(wanted)}", tuple(value.shape))
        return value

    def expanded(self, batch: int) -> dict[str, Tensor]:
        """The side inputs of `batch` systems."""
        return {name: x.to(self.dtype).expand(batch, *x.shape) for name, x in self.inputs.items()}

    def force(self, q: Tensor, p: Tensor | None = None, inputs: dict | None = None) -> Float[Tensor, "b n d"]:
        """F, or −∂H/∂q by reverse mode; zeros where H does not depend on q. RuntimeError where torch cannot."""
        if self.kind == "force":
            return self(q, p, inputs)
        return -self.gradients(q, p, inputs)[0]

    def gradients(self, q: Tensor, p: Tensor | None = None, inputs: dict | None = None) -> tuple[Tensor, Tensor]:
        """∂H/∂q and ∂H/∂p (0 for V)."""
        with torch.enable_grad():
            variables = [x.detach().requires_grad_() for x in (q, p) if x is not None]
            value = self(variables[0], variables[1] if p is not None else None, inputs).sum()
            found = torch.autograd.grad(value, variables, allow_unused=True)
        found = [torch.zeros_like(x) if g is None else g for g, x in zip(found, variables, strict=True)]
        return found[0], found[1] if p is not None else torch.zeros_like(q)

    def per_body(self, name: str) -> int:
        """How many of the leading axes of a side input run over bodies: 0, 1, or 2 for pairs."""
        shape = self.inputs[name].shape
        return 2 if shape[:2] == (self.n, self.n) else 1 if shape[:1] == (self.n,) else 0

    def in_float32(self) -> Subject:
        """The same in float32, weights too."""
        if self.module is None:
            return replace(self, dtype=torch.float32)
        module = copy.deepcopy(self.module).float()
        if isinstance(module, Hamiltonian):
            return of(module, self.group, self.n, torch.float32, self.inputs, self.length, self.momentum)
        return replace(self, dtype=torch.float32, module=module, function=module)


def of_hamiltonian(
    model: Hamiltonian, group: Group, n: int, inputs: dict[str, Tensor], length: float, generator: torch.Generator
) -> Subject:
    """A Hamiltonian, with masses and features of its own units where `inputs` have none. InputError on a group of
    another dimension than the model's own, and on other inputs."""
    own = getattr(model, "group", None) or group
    if own.space_dim != group.space_dim:
        raise InputError(f"group must act on {own.space_dim} dimensions like the model's, got {group}")
    for name in inputs:
        check_choice("input", name, ("mass", "features"))
    potential = getattr(model, "potential", None)
    features = getattr(model, "features", 0)
    unit = getattr(potential, "scale", torch.ones(features + 1)).detach().cpu().double()
    random = (0.5 + torch.rand(n, features + 1, generator=generator, dtype=torch.float64)) * unit
    dtype = next(model.parameters(), random).dtype
    length = float(getattr(potential, "length", length))
    momentum = (float(getattr(potential, "energy", 1.0)) * float(random[:, 0].mean())) ** 0.5
    seen = {"mass": random[:, 0], "features": random[:, 1:]} | inputs
    return of(copy.deepcopy(model).cpu(), own, n, dtype, seen, length, momentum)


def of(
    model: Hamiltonian, group: Group, n: int, dtype: torch.dtype, inputs: dict, length: float, momentum: float
) -> Subject:
    """A Hamiltonian with these side inputs."""
    lifts = [part for part in model.modules() if isinstance(part, Lift) and not part.exact]

    def energy(q: Tensor, p: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        return model.energy(PhaseState(q, p), Bodies(mass, features, mask))

    def field(q: Tensor, p: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        rate = model.field(Bodies(mass, features, mask))(torch.zeros((), dtype=q.dtype), PhaseState(q, p))
        return rate.q, rate.p

    def redraw(generator: torch.Generator) -> None:
        for lift in lifts:
            lift.redraw(generator)

    def potential(q: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> Tensor:
        return model.potential(q, Bodies(mass, features, mask))

    separable = isinstance(model, SeparableHamiltonian)
    whole = Subject(
        f"{type(model).__name__}", energy, "H", group.space_dim, n, inputs, dict.fromkeys(inputs, "scalar"),
        takes_mask=True, separable=separable, dtype=dtype, length=length, momentum=momentum, positive=group.positive,
        module=model, group=group, redraw=redraw if lifts else None, field=field,
    )  # fmt: skip
    if not separable:
        return whole
    return replace(whole, potential=replace(whole, name="V", function=potential, kind="V", module=None, field=None))


def of_callable(
    function: Function, kind: str, dim: int, n: int, inputs: dict[str, Tensor], moves: dict[str, str], **settings
) -> Subject:
    """Anybody's callable. InputError on side inputs that it needs and was not given, or whose motion is not said."""
    check_choice("kind", kind, KINDS)
    try:
        takes = signature(function.forward if isinstance(function, nn.Module) else function).parameters
    except ValueError as error:
        raise InputError(f"target must be a function that says what it takes, got {_name(function)}") from error
    free = ["q", "p", "mask"] if kind == "H" else ["q", "mask"]
    places = [name for name, x in takes.items() if x.kind is not Parameter.VAR_POSITIONAL and name != "mask"]
    first = places[: len(free) - 1]
    for name in places[len(first) :]:
        needed = takes[name].default is Parameter.empty and takes[name].kind is not Parameter.VAR_KEYWORD
        if needed and name not in inputs:
            raise InputError(f"inputs must hold {name!r}, which {_name(function)} takes, got {sorted(inputs)}")
    for name, x in inputs.items():
        if name not in moves and x.shape[-1:] == (dim,) and (x.shape != (n,)):
            raise InputError(
                f"moves must say how {name!r} of shape {tuple(x.shape)} moves with the bodies: {', '.join(MOVES)}"
            )
    for name, how in moves.items():
        check_choice(f"moves[{name!r}]", how, MOVES)
        if name not in inputs:
            raise InputError(f"moves must be of inputs, got {name!r}, which is none of {sorted(inputs)}")
    module = copy.deepcopy(function) if isinstance(function, nn.Module) else None
    moves = {name: moves.get(name, "scalar") for name in inputs}
    call = function if module is None else module
    return Subject(
        _name(function), call, kind, dim, n, dict(inputs), moves, takes_mask="mask" in takes,
        separable=kind != "H", **settings,
    )  # fmt: skip


def move_inputs(
    subject: Subject, inputs: dict[str, Tensor], A: Float[Tensor, "b d d"], b: Float[Tensor, "b d"]
) -> dict[str, Tensor]:
    """The side inputs of each system after its motion x → A x + b."""
    moved = {}
    for name, x in inputs.items():
        how, axes = subject.moves[name], (1,) * (x.ndim - 2)
        matrix = torch.linalg.inv(A).mT if how == "covector" else A
        if how != "scalar":
            x = (matrix.view(len(A), *axes, *A.shape[1:]) @ x[..., None])[..., 0]
        moved[name] = x + b.view(len(b), *axes, -1) if how == "point" else x
    return moved


def permute_inputs(subject: Subject, inputs: dict[str, Tensor], order: Tensor) -> dict:
    """The side inputs after the bodies were put in another order."""
    for axis in (1, 2):
        inputs = {k: x.index_select(axis, order) if subject.per_body(k) >= axis else x for k, x in inputs.items()}
    return inputs


def _name(function: object) -> str:
    return getattr(function, "__name__", type(function).__name__)
