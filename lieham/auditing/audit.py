"""`audit` checks everything that a conservation law rests on, of a model or of any function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch

from lieham._support.settings import changed
from lieham.auditing import function, gradient, smoothness, symmetric, symmetry
from lieham.auditing.config import AuditConfig
from lieham.auditing.configurations import Scale, searched, states
from lieham.auditing.invariance import invariance
from lieham.auditing.report import Audit, Check
from lieham.auditing.subject import Subject
from lieham.auditing.targets import Model, of_callable, of_model
from lieham.errors import InputError, expected
from lieham.groups import Group, make_group
from lieham.typing import Tensor

DIFFERENCES = 1e-6
"""Sums of slopes that are central differences may be this part of the sizes of their terms."""
UNITS_OF_ROUND_OFF = 4500
"""An error counts as round-off up to this many units of it (1e-12 in float64), which sums of hundreds of terms lose."""


def audit(
    target: Model | Callable[..., Tensor],
    group: str | Group | None = None,
    *,
    inputs: dict[str, Tensor] | None = None,
    force: Callable[..., Tensor] | None = None,
    config: AuditConfig | None = None,
    **settings: Any,
) -> Audit:
    """Check everything that a conservation law rests on, on random configurations and by a search for worse ones.

    The tolerance is 4,500 units of round-off, 1e-12 in float64, times the spread and size of f plus |∇f||x|. Sums of
    hundreds of terms lose so much, and so do positions that were rounded far from the origin. The target keeps its mode
    and its random draws; a module is copied first. Where H = K(p) + V(q) is separable and its group changes lengths,
    the declaration concerns V alone: the audit tests the invariance of V, and {H, J} shows that K = Σ|p|²/2m does not
    share it.

    Args:
        target: a Hamiltonian, or a callable V(q, ...) → (b,), H(q, p, ...) → (b,) or F(q, ...) → (b, n, d) of q and p
            (b, n, d) and of side inputs by name. A `mask` (b, n) among its arguments is given for padding.
        group: the symmetry declared, by default the target's own; "O(d)" and "E(d)" hold mirror images.
        inputs: side inputs of one system: (n, ...) for each body, (n, n, ...) for each pair, or of the whole. A
            Hamiltonian has `mass` (n,) and `features` (n, c), by default random ones in the units of the model.
        force: beside a V or H, the force that its author gives, which is checked to be its gradient.
        config: all settings.
        settings: single ones that replace those of the config: `kind`, `moves`, `n_bodies`, `count`, `length`, `dtype`,
            `batched`, `seed`, `reach`; see `AuditConfig`.

    Returns:
        The report: one row a check, `sound` if nothing that is declared is broken.

    Raises:
        InputError: if side inputs are missing or it is not said how they move, if the group is of another dimension,
            and if a setting is unknown or out of range.

    Example:
        >>> import lieham
        >>> def pairs(q):
        ...     return (q[:, :, None] - q[:, None]).square().sum((1, 2, 3))
        >>> lieham.audit(pairs, "SE(3)", count=100).sound
        True
        >>> lieham.audit(lambda q: q[..., 0].square().sum(1), "SE(3)", count=100).sound
        False
    """
    config, inputs, declared = changed(config or AuditConfig(), settings), inputs or {}, _declared(target, group)
    generator = torch.Generator().manual_seed(config.seed)
    if isinstance(target, Model):
        subject = of_model(target, declared, inputs, config, generator)
    else:
        subject = of_callable(target, declared, inputs, config)
    subject = _with_differences(subject)
    given = None
    if force is not None:
        given = replace(subject, function=force, kind="force", low=None, name=f"force of {subject.name}")
    made = _Examination(subject, declared, generator, config.count, given)
    checks = tuple(made.checks())
    return Audit(f"{subject.name} under {declared}", checks, made.skipped, searched(subject, config))


def assert_sound(target: Model | Callable[..., Tensor], group: str | Group | None = None, **settings: Any) -> Audit:
    """Audit in a test: fail with the whole table if something that is declared does not hold.

    Args:
        target: as in `audit`.
        group: as in `audit`.
        settings: everything else that `audit` takes.

    Returns:
        The report of a sound target.

    Raises:
        AssertionError: if the target is not sound.
        InputError: as `audit` does.
    """
    made = audit(target, group, **settings)
    assert made.sound, f"\n{made}"
    return made


def _declared(target: object, group: str | Group | None) -> Group:
    """Return the symmetry that was given, else the target's own; raise InputError if it has none or is no target."""
    if not callable(target) or getattr(target, "learns_from", "trajectories") != "trajectories":
        raise expected("target", "a Hamiltonian or a function of positions (b, n, d)", f"a {type(target).__name__}")
    group = group or getattr(target, "symmetry", getattr(target, "group", None))
    if group is None:
        raise InputError(f"group must be given, since {type(target).__name__} declares none")
    return make_group(group)


@dataclass(frozen=True)
class _Examination:
    """An examination holds the state of one audit: its subject, what is declared, and why a check was skipped."""

    subject: Subject
    declared: Group
    generator: torch.Generator
    count: int
    force: Subject | None
    skipped: dict[str, str] = field(default_factory=dict)

    def checks(self) -> Iterator[Check]:
        """Yield all checks in order, each as soon as it is made."""
        subject, generator = self.subject, self.generator
        yield function.repeats(subject, generator)
        start = states(subject, 16, generator)
        with torch.no_grad():
            first = subject(*start)
        yield from self._of_values()
        if subject.redraw is None:
            yield function.stays(subject, start, first)
        else:
            self.skipped["hidden state"] = "it draws at random"

    def _of_values(self) -> Iterator[Check]:
        """Yield the checks of values, and of derivatives."""
        subject, generator = self.subject, self.generator
        scale, tolerance = Scale.of(subject, generator), UNITS_OF_ROUND_OFF * torch.finfo(subject.dtype).eps
        yield from self._of_a_function(scale, tolerance)
        whole, of_whole = self._invariant(scale)
        if self.declared.lie_dim or self.declared.reflections:
            yield invariance(whole, self.declared, of_whole, tolerance, self.count, generator)
        if subject.differences:
            self.skipped["Lie derivative"] = "torch cannot differentiate it"
        elif self.declared.lie_dim and subject.redraw is None:
            yield symmetry.lie_derivative(whole, self.declared, of_whole, tolerance, generator)
        yield from self._of_derivatives(tolerance)

    def _of_a_function(self, scale: Scale, tolerance: float) -> Iterator[Check]:
        """Yield the checks that the subject is a function of its input alone, and a smooth one."""
        subject, generator = self.subject, self.generator
        yield function.batch_mates(subject, scale, tolerance, generator)
        if subject.redraw is None:
            yield function.order(subject, scale, tolerance, generator)
        else:
            self.skipped["order of bodies"] = "each body has random draws of its own"
        if subject.takes_mask:
            yield function.padding(subject, scale, tolerance, generator)
        else:
            self.skipped["padding"] = "it takes no mask"
        rows = list(function.precision(subject, scale, tolerance, generator))
        yield from rows
        if len(rows) == 1 and subject.dtype == torch.float64:
            self.skipped["float32"] = "it holds numbers of another precision, or is a function of side inputs"
        yield from smoothness.continuity(subject, scale, generator)
        off = self.declared.singular_at_origin
        yield symmetric.symmetric_places(subject, scale, tolerance, off, generator)

    def _of_derivatives(self, tolerance: float) -> Iterator[Check]:
        """Yield the checks that charges are kept, and that forces and fields are the gradients that they should be."""
        subject, generator = self.subject, self.generator
        # Central differences leave eps^(2/3) of a slope; a force that is given needs none, but for its Jacobian.
        rough = max(tolerance, DIFFERENCES) if subject.differences else tolerance
        if any(how != "scalar" for how in subject.moves.values()):
            self.skipped["charges"] = "side inputs move with the bodies, and hold a part of every charge"
        else:
            exact = tolerance if subject.kind == "force" else rough
            yield from symmetry.charges(subject, self.declared, exact, generator)
        if subject.kind == "force":
            yield from gradient.force_is_gradient(subject, rough, generator)
        if subject.field is not None:
            yield gradient.field_is_gradient(subject, subject.field, rough, generator)
        if self.force is not None:
            yield gradient.force_of_energy(subject, self.force, rough, generator)

    def _invariant(self, scale: Scale) -> tuple[Subject, Scale]:
        """Return the function that the group leaves unchanged, and its scale: V alone if the group changes lengths."""
        if self.subject.potential is None or bool(self.subject.shares(self.declared).all()):
            return self.subject, scale
        return self.subject.potential, Scale.of(self.subject.potential, self.generator)


def _with_differences(subject: Subject) -> Subject:
    """Return the subject, with slopes by differences where torch cannot differentiate it."""
    q, p = states(subject, 16, torch.Generator().manual_seed(0))
    try:
        with torch.enable_grad():
            known = subject(q.requires_grad_(), p).requires_grad
    except RuntimeError:
        known = False
    return subject if known else replace(subject, differences=True)
