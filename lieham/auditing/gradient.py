"""These checks compare forces and fields with gradients.

A force must have a symmetric Jacobian and do no work on closed loops, and the field of a Hamiltonian must be J∇H.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from lieham.auditing.configurations import states
from lieham.auditing.report import Check, judged
from lieham.auditing.subject import Subject
from lieham.typing import Tensor

QUADRATURE = 64
"""The trapezoidal rule takes this many points around a closed loop."""


def force_is_gradient(subject: Subject, tolerance: float, generator: torch.Generator) -> Iterator[Check]:
    """Check that a force without a known potential has one: ∂F_i/∂x_j = ∂F_j/∂x_i, and ∮F·dx = 0.

    Args:
        subject: the force.
        tolerance: largest asymmetry, relative to the largest ∂F.
        generator: draws 8 states.
    """
    q, _ = states(subject, 8, generator)
    J = _jacobian(subject, q)
    error = (J - J.mT).abs().amax((1, 2)) / J.abs().amax((1, 2)).clamp(min=1e-300)
    k = error.argmax()
    detail = "|∂F_i/∂x_j - ∂F_j/∂x_i| over the largest ∂F"
    yield judged("force = -∇V: Jacobian", error.max().item(), tolerance, detail, q=q[k])
    yield closed_loop(subject, tolerance, generator)


def _jacobian(subject: Subject, q: Tensor) -> Tensor:
    """Compute the Jacobian ∂F_i/∂x_j, (b, n d, n d), row by row."""
    if subject.differences:
        return _differences(subject, q)
    rows = []
    with torch.enable_grad():
        x = q.detach().requires_grad_()
        force = subject(x).flatten(1)
        for k in range(force.shape[1]):
            (row,) = torch.autograd.grad(force[:, k].sum(), x, retain_graph=True, allow_unused=True)
            rows.append(torch.zeros_like(x) if row is None else row)
    return torch.stack([row.flatten(1) for row in rows], 1)


@torch.no_grad()
def _differences(subject: Subject, q: Tensor) -> Tensor:
    """Compute the Jacobian by central differences, column by column."""
    step, columns = subject.length * torch.finfo(q.dtype).eps ** (1 / 3), []
    for unit in torch.eye(q[0].numel(), dtype=q.dtype).view(-1, *q.shape[1:]):
        columns.append((subject(q + step * unit) - subject(q - step * unit)).flatten(1) / (2 * step))
    return torch.stack(columns, 2)


def closed_loop(subject: Subject, tolerance: float, generator: torch.Generator) -> Check:
    """Check that a force does no work around ellipses.

    The trapezoidal rule computes the work, since it converges exponentially on closed curves.

    Args:
        subject: the force.
        tolerance: largest |∮F·dx| over ∮|F·dx|, of which the median over loops is taken; at least 1e-8.
        generator: draws 8 states and the ellipses about them.
    """
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


def field_is_gradient(
    subject: Subject, field: Callable[..., tuple[Tensor, Tensor]], tolerance: float, generator: torch.Generator
) -> Check:
    """Check that the field that is integrated is (∂H/∂p, −∂H/∂q).

    Args:
        subject: H.
        field: (q̇, ṗ) of q, p and the side inputs.
        tolerance: largest difference, relative to the largest component of the gradient.
        generator: draws 32 states.
    """
    q, p = states(subject, 32, generator)
    inputs = subject.expanded(len(q)) | {"mask": torch.ones(q.shape[:-1], dtype=torch.bool)}
    dq, dp = field(q, p, **inputs)
    gradient = subject.gradients(q, p)
    error = _gap(dq, gradient[1]), _gap(dp, -gradient[0])
    return judged("field = J∇H", max(error), tolerance, "|field - J∇H| over the field", q=q[0])


def force_of_energy(subject: Subject, force: Subject, tolerance: float, generator: torch.Generator) -> Check:
    """Check that a force that is given beside an energy is −∇ of it.

    Args:
        subject: V or H.
        force: the force.
        tolerance: largest difference, relative to the largest component of ∇V.
        generator: draws 32 states.
    """
    q, p = states(subject, 32, generator)
    wanted = -subject.gradients(q, p)[0]
    with torch.no_grad():
        given = force(q)
    error = (given - wanted).abs().amax((1, 2)) / wanted.abs().amax((1, 2)).clamp(min=1e-300)
    k = error.argmax()
    return judged("force = -∇V", error.max().item(), tolerance, "|F + ∇V| over the largest ∇V", q=q[k])


def _gap(a: Tensor, b: Tensor) -> float:
    return ((a - b).abs().amax() / b.abs().amax().clamp(min=1e-300)).item()
