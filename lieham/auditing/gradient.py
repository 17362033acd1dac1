"""Is the force the gradient of a potential: symmetric Jacobian, no work on closed loops, and the field is J∇H."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from lieham.auditing.configurations import Scale, states
from lieham.auditing.report import Check, judged
from lieham.auditing.subject import Subject
from lieham.typing import Tensor

QUADRATURE = 64


def force_is_gradient(subject: Subject, tolerance: float, generator: torch.Generator) -> Iterator[Check]:
    """Of a force alone: ∂F_i/∂x_j = ∂F_j/∂x_i, and ∮F·dx = 0."""
    q, _ = states(subject, 8, generator)
    rows = []
    with torch.enable_grad():
        x = q.detach().requires_grad_()
        force = subject(x).flatten(1)
        for k in range(force.shape[1]):
            (row,) = torch.autograd.grad(force[:, k].sum(), x, retain_graph=True, allow_unused=True)
            rows.append(torch.zeros_like(x) if row is None else row)
    J = torch.stack([row.flatten(1) for row in rows], 1)
    error = (J - J.mT).abs().amax((1, 2)) / J.abs().amax((1, 2)).clamp(min=1e-300)
    k = error.argmax()
    detail = "|∂F_i/∂x_j - ∂F_j/∂x_i| over the largest ∂F"
    yield judged("force = -∇V: Jacobian", error.max().item(), tolerance, detail, q=q[k])
    yield closed_loop(subject, tolerance, generator)


def closed_loop(subject: Subject, tolerance: float, generator: torch.Generator) -> Check:
    """|∮F·dx| over ∮|F·dx| around ellipses, by the trapezoidal rule, which converges exponentially there."""
    q, _ = states(subject, 8, generator)
    q = q[[k for k in range(len(q)) if k % 4 != 3]]
    size = 0.05 * subject.length
    u, v = (size * torch.randn(q.shape, generator=generator, dtype=torch.float64).to(q.dtype) for _ in range(2))
    work, total = torch.zeros(len(q), dtype=q.dtype), torch.zeros(len(q), dtype=q.dtype)
    with torch.no_grad():
        for k in range(QUADRATURE):
            t = torch.tensor(2 * torch.pi * k / QUADRATURE, dtype=q.dtype)
            along = (v * t.cos() - u * t.sin()) * (2 * torch.pi / QUADRATURE)
            power = (subject(q + u * t.cos() + v * t.sin()) * along).sum((1, 2))
            work, total = work + power, total + power.abs()
    # What the rule itself leaves of a stiff law is above round-off; a force with a curl leaves far more.
    ratio = work.abs() / total.clamp(min=1e-300)
    worst = ratio[torch.isfinite(ratio)].median().item()
    return judged("force = -∇V: loops", worst, max(tolerance, 1e-8), "median |∮F·dx| over ∮|F·dx|", q=q[0])


def field_is_gradient(subject: Subject, scale: Scale, tolerance: float, generator: torch.Generator) -> Check:
    """The field that is integrated is (∂H/∂p, −∂H/∂q)."""
    q, p = states(subject, 32, generator)
    inputs = subject.expanded(len(q)) | {"mask": torch.ones(q.shape[:-1], dtype=torch.bool)}
    dq, dp = subject.field(q, p, **inputs)
    gradient = subject.gradients(q, p)
    error = _gap(dq, gradient[1]), _gap(dp, -gradient[0])
    return judged("field = J∇H", max(error), tolerance, "|field - J∇H| over the field", q=q[0])


def force_of_energy(subject: Subject, force: Subject, tolerance: float, generator: torch.Generator) -> Check:
    """A force that is given beside an energy is −∇ of it."""
    q, p = states(subject, 32, generator)
    wanted = -subject.gradients(q, p)[0]
    with torch.no_grad():
        given = force(q)
    error = (given - wanted).abs().amax((1, 2)) / wanted.abs().amax((1, 2)).clamp(min=1e-300)
    k = error.argmax()
    return judged("force = -∇V", error.max().item(), tolerance, "|F + ∇V| over the largest ∇V", q=q[k])


def _gap(a: Tensor, b: Tensor) -> float:
    return ((a - b).abs().amax() / b.abs().amax().clamp(min=1e-300)).item()
