"""These checks test that the subject is a function of its input alone.

They call it again, with other systems in the batch, with the bodies in another order, with padding, and in other
precisions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from lieham.auditing.configurations import Scale, states
from lieham.auditing.report import Check, judged
from lieham.auditing.subject import Subject, permute_inputs
from lieham.typing import Tensor

HABIT = 300
"""A state that changes with the number of calls is sought by this many calls more."""
MATES = 8
"""The check of batch mates puts this many systems into one batch; none of them may notice the others."""


def repeats(subject: Subject, generator: torch.Generator) -> Check:
    """Check that the subject gives the same bits when it is called again, in the mode that it is in.

    Args:
        subject: what is audited.
        generator: draws 16 states.
    """
    q, p = states(subject, 16, generator)
    with torch.no_grad():
        first, second, third = (subject(q, p) for _ in range(3))
    worst = max(_gap(first, second), _gap(first, third))
    return judged("determinism", worst, 0.0, "|f - f again|", q=q[0])


def batch_mates(subject: Subject, scale: Scale, tolerance: float, generator: torch.Generator) -> Check:
    """Check that a system has the same value alone as in a batch, and in a batch of very different systems.

    Args:
        subject: what is audited.
        scale: the size of its values.
        tolerance: largest error, relative to the condition of f.
        generator: draws 8 states.
    """
    q, p = states(subject, MATES, generator)
    with torch.no_grad():
        whole = subject(q, p)
        alone = torch.cat([subject(q[k : k + 1], None if p is None else p[k : k + 1]) for k in range(MATES)])
        among = subject(torch.cat([q[:1], 10 * q[1:]]), p)[:1]
    size = scale.condition(subject, q, p, torch.zeros(MATES, dtype=q.dtype))
    errors = [_ratio(alone - whole, size), _ratio(among - whole[:1], size[:1])]
    return judged("batch mates", max(errors), tolerance, "|f alone - f in a batch| over its scale", q=q[0])


def order(subject: Subject, scale: Scale, tolerance: float, generator: torch.Generator) -> Check:
    """Check that the value does not depend on the order of the bodies, and that a force follows that order.

    Args:
        subject: what is audited.
        scale: the size of its values.
        tolerance: largest error, relative to the condition of f.
        generator: draws 32 states and 4 orders.
    """
    q, p = states(subject, 32, generator)
    size = scale.condition(subject, q, p, torch.zeros(len(q), dtype=q.dtype))
    worst, at = 0.0, None
    with torch.no_grad():
        before = subject(q, p)
        for _ in range(4):
            perm = torch.randperm(subject.n, generator=generator)
            inputs = permute_inputs(subject, subject.expanded(len(q)), perm)
            after = subject(q[:, perm], None if p is None else p[:, perm], inputs)
            wanted = before[:, perm] if subject.kind == "force" else before
            error = _ratio(after - wanted, size)
            if error >= worst:
                worst, at = error, perm
    return judged("order of bodies", worst, tolerance, "|f(permuted) - f| over its scale", q=q[0], order=at)


def padding(subject: Subject, scale: Scale, tolerance: float, generator: torch.Generator) -> Check:
    """Check that two more bodies, near or far, change nothing where the padding mask declares them absent.

    Args:
        subject: what is audited.
        scale: the size of its values.
        tolerance: largest error, relative to the condition of f.
        generator: draws 16 states.
    """
    q, p = states(subject, 16, generator)
    inputs = subject.expanded(len(q))
    size = scale.condition(subject, q, p, torch.zeros(len(q), dtype=q.dtype))
    mask = torch.arange(subject.n + 2).lt(subject.n).expand(len(q), -1)
    worst = 0.0
    with torch.no_grad():
        before = subject(q, p)
        for far in (0.0, 1.0, 50.0):
            more = {k: _pad(x, subject.per_body(k)) for k, x in inputs.items()}
            after = subject(_beside(q, far), None if p is None else _beside(p, far), more, mask)
            after = after[:, : subject.n] if subject.kind == "force" else after
            worst = max(worst, _ratio(after - before, size))
    return judged("padding", worst, tolerance, "|f(padded) - f| over its scale", q=q[0])


def precision(subject: Subject, scale: Scale, tolerance: float, generator: torch.Generator) -> Iterator[Check]:
    """Look for noise along short straight lines, which a cast to fewer bits leaves, and compare float32 with float64.

    Args:
        subject: what is audited.
        scale: the size of its values.
        tolerance: largest error, relative to the condition of f.
        generator: draws 16 states and lines through them.
    """
    q, p = states(subject, 16, generator)
    u = torch.randn(q.shape, generator=generator, dtype=torch.float64).to(q.dtype)
    weights = torch.tensor([1.0, -4.0, 6.0, -4.0, 1.0], dtype=torch.float64)
    step = 1e-4 if subject.dtype == torch.float32 else 1e-6
    with torch.no_grad():
        path = [subject(q + k * step * subject.length * u, p).double() for k in range(5)]
    noise = sum(w * x for w, x in zip(weights, path, strict=True))
    size = scale.condition(subject, q, p, torch.zeros(len(q), dtype=q.dtype))
    # The smooth part of a fourth difference is step⁴ f'''', below round-off; the median, since one of a few states may
    # be stiff.
    errors = (noise.abs().amax((1, 2)) if noise.ndim == 3 else noise.abs()) / size
    worst = errors[torch.isfinite(errors)].median().item()
    yield judged("precision", worst, tolerance, f"noise over its scale, of {subject.dtype}", q=q[0])
    if subject.dtype == torch.float64 and (subject.low is not None or not subject.inputs):
        low = _in_float32(subject, q, p, size)
        if low is not None:
            yield low


def _in_float32(subject: Subject, q: Tensor, p: Tensor | None, size: Tensor) -> Check | None:
    """Compare values in float32 with those in float64, as a check that never makes a target unsound."""
    name, limit = "float32", 1e4 * torch.finfo(torch.float32).eps
    detail = "|f in float32 - f in float64| over its scale, of the same rounded weights and positions"
    low_q, low_p = q.float(), None if p is None else p.float()
    with torch.no_grad():
        try:
            small = subject.rounded(torch.float32)(low_q, low_p).double()
        except (RuntimeError, TypeError, ValueError):
            # A function that holds numbers of another precision cannot be asked; that says nothing of its symmetry.
            return None
        whole = subject.rounded(torch.float64)(low_q.double(), None if low_p is None else low_p.double())
    return replace(judged(name, _ratio(small - whole, size), limit, detail), declared=False)


def stays(subject: Subject, state: tuple[Tensor, Tensor | None], first: Tensor) -> Check:
    """Check that the subject, after all calls of an audit and `HABIT` more, still gives its first answer.

    Args:
        subject: what is audited.
        state: q and p of the first call.
        first: what it gave then.
    """
    q, p = state
    with torch.no_grad():
        for _ in range(HABIT):
            subject(q[:1], None if p is None else p[:1])
        last = subject(q, p)
    return judged("hidden state", _gap(first, last), 0.0, "|f at the end - f at the start|", q=q[0])


def _beside(x: Tensor, far: float) -> Tensor:
    """Append two more bodies to `x`: copies of the first two, `far` times as far away."""
    return torch.cat([x, x[:, :2].flip(1) * far], 1)


def _pad(x: Tensor, axes: int) -> Tensor:
    """Append two more rows along each axis that runs over bodies."""
    for axis in range(1, axes + 1):
        x = torch.cat([x, x.narrow(axis, 0, 2) + 1], axis)
    return x


def _gap(a: Tensor, b: Tensor) -> float:
    same = torch.equal(a.nan_to_num(0.0), b.nan_to_num(0.0))
    return 0.0 if same else (a - b).abs().nan_to_num(0.0).max().item()


def _ratio(error: Tensor, size: Tensor) -> float:
    error = error.abs().amax((1, 2)) if error.ndim == 3 else error.abs()
    ratio = error / size
    finite = ratio[torch.isfinite(size)]
    return finite.max().item() if len(finite) else 0.0
