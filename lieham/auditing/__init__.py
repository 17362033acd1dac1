"""Audits: does a Hamiltonian, a potential or a force, ours or anybody's, have the symmetry that it declares?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import torch

from lieham.auditing import function, gradient, smoothness, symmetry
from lieham.auditing.configurations import Scale, Symmetry
from lieham.auditing.report import BROKEN, EXACT, ON_AVERAGE, ROUND_OFF, VERDICTS, Audit, Check
from lieham.auditing.subject import KINDS, MOVES, Subject, of_callable, of_hamiltonian
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.errors import InputError, expected
from lieham.groups import Group
from lieham.typing import Tensor

UNITS_OF_ROUND_OFF = 4500
"""Errors of up to so many units of round-off, 1e-12 in float64, are those of sums of hundreds of terms."""


def audit(
    target: Hamiltonian | Callable[..., Tensor],
    group: str | Group | None = None,
    *,
    kind: str = "V",
    inputs: dict[str, Tensor] | None = None,
    moves: dict[str, str] | None = None,
    force: Callable[..., Tensor] | None = None,
    n_bodies: int = 5,
    count: int = 1000,
    length: float = 1.0,
    dtype: torch.dtype = torch.float64,
    batched: bool = True,
    seed: int = 0,
) -> Audit:
    """Check everything that a conservation law rests on, on configurations that are drawn and then searched.

    Args:
        target: a Hamiltonian, or a callable V(q, ...) → (b,), H(q, p, ...) → (b,), or a force F(q, ...) → (b, n, d), of
            q and p (b, n, d) and side inputs by name. A `mask` (b, n) among its arguments is given for padding.
        group: the symmetry declared, by default the model's own; "O(d)" and "E(d)" hold mirror images too.
        kind: of a callable: "V", "H" or "force".
        inputs: side inputs of one system: (n, ...) for each body, (n, n, ...) for each pair, or of the whole. A
            Hamiltonian has `mass` (n,) and `features` (n, c), by default random ones in the units of the model.
        moves: how each follows a motion x → A x + b: "scalar" (not at all, the default), "vector" (A), "covector"
            (A⁻ᵀ), "point" (A and b). Those whose last axis is d must be named here.
        force: beside a V or H, the force that its author gives; checked to be its gradient.
        n_bodies: bodies in a configuration.
        count: random moves of the invariance check; the search for the worst tries 1,280 more.
        length, dtype: of the configurations of a callable; a trained model knows its own.
        batched: False for a callable of one system (n, d).

    The tolerance is 4,500 units of round-off, 1e-12 in float64, of f's spread and size and of |∇f||x|: what sums of
    hundreds of terms and positions rounded far from the origin lose. The target's own modes and draws are left as they
    are; a module is copied first. Where the group changes lengths, the invariance of V is declared, and {H, J} says
    that H with its K = Σ|p|²/2m does not share it.

    Raises InputError on side inputs that are missing or whose motion is not said, and on a group of another dimension.

    >>> audit(lambda q: (q[:, :, None] - q[:, None]).square().sum((1, 2, 3)), "SE(3)", count=100).sound
    True
    """
    generator = torch.Generator().manual_seed(seed)
    for name, value, least in (("n_bodies", n_bodies, 2), ("count", count, 1)):
        if value < least:
            raise expected(name, f"at least {least}", value)
    declared, inputs = _declared(target, group), inputs or {}
    if isinstance(target, Hamiltonian):
        subject = of_hamiltonian(target, declared.group, n_bodies, inputs, length, generator)
    else:
        settings = {"length": length, "dtype": dtype, "batched": batched, "positive": declared.group.positive}
        subject = of_callable(target, kind, declared.group.space_dim, n_bodies, inputs, moves or {}, **settings)
    beside = None
    if force is not None:
        beside = replace(subject, function=force, kind="force", module=None, name=f"force of {subject.name}")
    skipped: dict[str, str] = {}
    checks = tuple(_checks(subject, declared, beside, count, generator, skipped))
    return Audit(f"{subject.name} under {declared}", checks, skipped)


def _declared(target: object, group: str | Group | None) -> Symmetry:
    group = group or getattr(target, "group", None)
    if group is None:
        raise InputError(f"group must be given, since {type(target).__name__} declares none")
    return Symmetry.of(group)


def _checks(
    subject: Subject, declared: Symmetry, force: Subject | None, count: int, generator: torch.Generator, skipped: dict
) -> Iterator[Check]:
    yield function.repeats(subject, generator)
    scale, tolerance = Scale.of(subject, generator), UNITS_OF_ROUND_OFF * torch.finfo(subject.dtype).eps
    yield function.batch_mates(subject, scale, tolerance, generator)
    if subject.redraw is None:
        yield function.order(subject, scale, tolerance, generator)
    else:
        skipped["order of bodies"] = "each body has random draws of its own"
    if subject.takes_mask:
        yield function.padding(subject, scale, tolerance, generator)
    else:
        skipped["padding"] = "it takes no mask"
    yield from function.precision(subject, scale, tolerance, generator)
    yield from smoothness.continuity(subject, scale, generator)
    whole, of_whole = subject, scale
    if subject.potential is not None and not bool(declared.group.isometries.all()):
        whole = subject.potential
        of_whole = Scale.of(whole, generator)
    if declared.group.lie_dim or declared.mirror:
        yield symmetry.invariance(whole, declared, of_whole, tolerance, count, generator)
    if not _differentiable(subject, generator):
        skipped["derivatives"] = "torch cannot differentiate it"
        return
    if declared.group.lie_dim and subject.redraw is None:
        yield symmetry.lie_derivative(whole, declared, of_whole, tolerance, generator)
    if any(how != "scalar" for how in subject.moves.values()):
        skipped["charges"] = "side inputs move with the bodies, and hold a part of every charge"
    else:
        yield from symmetry.charges(subject, declared, scale, tolerance, generator)
    if subject.kind == "force":
        yield from gradient.force_is_gradient(subject, tolerance, generator)
    if subject.field is not None:
        yield gradient.field_is_gradient(subject, scale, tolerance, generator)
    if force is not None:
        yield gradient.force_of_energy(subject, force, tolerance, generator)


def _differentiable(subject: Subject, generator: torch.Generator) -> bool:
    from lieham.auditing.configurations import states

    q, p = states(subject, 2, generator)
    try:
        with torch.enable_grad():
            x = q.requires_grad_()
            return subject(x, p).requires_grad
    except RuntimeError:
        return False


def assert_sound(target: Hamiltonian | Callable[..., Tensor], group: str | Group | None = None, **settings) -> Audit:
    """`audit`, for tests: AssertionError with the whole table when something that is declared does not hold."""
    made = audit(target, group, **settings)
    assert made.sound, f"\n{made}"
    return made


__all__ = [
    "BROKEN",
    "EXACT",
    "KINDS",
    "MOVES",
    "ON_AVERAGE",
    "ROUND_OFF",
    "VERDICTS",
    "Audit",
    "Check",
    "assert_sound",
    "audit",
]
