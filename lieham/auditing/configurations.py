"""Audits draw configurations and motions here, ordinary and extreme ones, and measure errors by a scale."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lieham.auditing.config import AuditConfig
from lieham.auditing.subject import Subject, move_inputs
from lieham.errors import expected
from lieham.groups import Group
from lieham.typing import Float, Tensor


def states(subject: Subject, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor | None]:
    """Draw configurations; every fourth one is special: bodies on a line, nearly met, symmetric, or spread out.

    No two bodies meet exactly, since pair laws may be infinite there.

    Args:
        subject: says how many bodies there are, in which space, and of which size.
        count: number of configurations.
        generator: draws them.

    Returns:
        q and, where the subject is H, p, (count, n, d) each.
    """
    shape = count, subject.n, subject.dim
    q, p = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    line = q[3::16, :, :1] * torch.randn(len(q[3::16]), 1, subject.dim, generator=generator, dtype=torch.float64)
    q[3::16] = line
    q[7::16, 1] = q[7::16, 0] + 0.05 * q[7::16, 1]
    q[11::16, 1] = -q[11::16, 0]
    q[15::16] *= 3.0
    if subject.reach > 1:
        wide = torch.rand(len(q[1::2]), 1, 1, generator=generator, dtype=torch.float64)
        q[1::2] *= subject.reach**wide
    q, p = (subject.length * inside(subject, q)).to(subject.dtype), (subject.momentum * p).to(subject.dtype)
    return q, p if subject.kind == "H" else None


def inside(subject: Subject, q: Tensor) -> Tensor:
    """Return the configurations, reflected into the positive quadrant if the group is meant for it alone."""
    return q.abs() + 0.05 if subject.positive else q


def searched(subject: Subject, config: AuditConfig) -> dict[str, int | float | list[float]]:
    """Return what an audit looks at: the number of bodies, how far they are out and apart, masses and other inputs.

    Args:
        subject: what is audited.
        config: the settings of the audit.
    """
    q, _ = states(subject, 1000, torch.Generator().manual_seed(config.seed))
    i, j = torch.triu_indices(subject.n, subject.n, 1)
    apart = (q[:, i] - q[:, j]).norm(dim=-1)
    found: dict[str, int | float | list[float]] = {"n": subject.n, "reach": config.reach, "length": subject.length}
    found |= {"largest |q|": q.norm(dim=-1).max().item(), "distances": [apart.min().item(), apart.max().item()]}
    return found | {k: [x.min().item(), x.max().item()] for k, x in subject.inputs.items() if x.numel()}


@dataclass(frozen=True)
class Motions:
    """A Motions object holds one motion x → A x + b for each system of a batch."""

    A: Float[Tensor, "b d d"]
    b: Float[Tensor, "b d"]

    @classmethod
    def of(cls, g: Float[Tensor, "b d1 d1"]) -> Motions:
        """Return the motions that the group elements `g` stand for."""
        return cls(g[:, :-1, :-1], g[:, :-1, -1])

    def __call__(self, q: Tensor) -> Tensor:
        return q @ self.A.mT + self.b[:, None]

    def momenta(self, p: Tensor | None) -> Tensor | None:
        """Return the momenta after the motion, A⁻ᵀp, which is its cotangent lift."""
        return None if p is None else p @ torch.linalg.inv(self.A)

    def covectors(self, force: Tensor) -> Tensor:
        """Return a force after the motion, A⁻ᵀF."""
        return force @ torch.linalg.inv(self.A)

    def __getitem__(self, rows: Tensor) -> Motions:
        return Motions(self.A[rows], self.b[rows])


def algebra(group: Group, subject: Subject, count: int, generator: torch.Generator) -> Float[Tensor, "b k"]:
    """Draw algebra vectors of small, medium and large motions.

    Rotations reach π and beyond, and translations reach 1,000 lengths.

    Args:
        group: the symmetry declared.
        subject: says which length and space.
        count: number of motions.
        generator: draws them.

    Returns:
        (count, k), k the dimension of the group. For each reflection of the group one more entry follows, which is
        negative where it is taken.
    """
    a = torch.randn(count, group.lie_dim, generator=generator, dtype=torch.float64)
    A, _ = group.generators()
    shifts = A.abs().sum((1, 2)) == 0
    far = 10 ** (3 * torch.rand(count, 1, generator=generator, dtype=torch.float64))
    a[:, shifts] *= subject.length * torch.where(torch.arange(count)[:, None] % 2 == 0, torch.ones_like(far), far)
    turns = group.isometries & ~shifts
    if turns.any():
        size = a[:, turns].norm(dim=1, keepdim=True)
        # Every fifth by exactly a half turn.
        a[::5, turns] *= torch.pi / size[::5].clamp(min=1e-12)
    return torch.cat([a, torch.randn(count, len(group.reflections), generator=generator, dtype=torch.float64)], 1)


def motions(group: Group, a: Float[Tensor, "b k"], dtype: torch.dtype) -> Motions:
    """Return the motions exp(a) of the vectors that `algebra` draws, each after the reflections that it takes.

    Args:
        group: the symmetry declared.
        a: the vectors.
        dtype: the precision of the motions.
    """
    g = group.exp(a[:, : group.lie_dim])
    return Motions.of((g * group.signs(a[:, group.lie_dim :] < 0, g)).to(dtype))


@dataclass(frozen=True)
class Scale:
    """A scale measures the size of a subject's values; errors are relative to it.

    Args:
        middle: their median over states.
        spread: their median distance from `middle`; if that is 0, |middle|, and at least 1.
    """

    middle: float
    spread: float

    @classmethod
    def of(cls, subject: Subject, generator: torch.Generator) -> Scale:
        """Measure the scale over 64 states; raise InputError if the subject is finite on none of them."""
        q, p = states(subject, 64, generator)
        with torch.no_grad():
            value = subject(q, p).double()
        value = value[torch.isfinite(value)]
        if not len(value):
            raise expected(subject.name, "finite for some random configuration", "none")
        middle = value.median()
        spread = (value - middle).abs().median().item()
        return cls(middle.item(), spread if spread > 0 else max(abs(middle.item()), 1.0))

    def condition(self, subject: Subject, q: Tensor, p: Tensor | None, far: Tensor) -> Float[Tensor, " b"]:
        """Compute the factor that enlarges round-off in values and positions: spread + |f| + Σ_i |∂_i f| |x_i|.

        Args:
            subject: f.
            q, p: states, (b, n, d).
            far: by how much farther away the positions were rounded, (b,).

        Returns:
            The condition of each state.
        """
        with torch.no_grad():
            value = subject(q, p)
        size = value.abs().amax((1, 2)) if value.ndim == 3 else value.abs()
        away = q.norm(dim=-1) + far[:, None]
        if subject.differences:
            return self.spread + size + _variation(subject, q, p, away)
        slope = subject.gradients(q, p)[0].norm(dim=-1) if value.ndim == 1 else _slope(subject, q, p)
        return self.spread + size + (slope.detach() * away).sum(-1)


@torch.no_grad()
def _variation(subject: Subject, q: Tensor, p: Tensor | None, away: Tensor) -> Float[Tensor, " b"]:
    """Estimate Σ_i |∂_i f| |x_i| by central differences along four random directions.

    A random direction shows one part in √(n d) of that sum at least, so the largest of them is multiplied by this.
    """
    generator, step = torch.Generator().manual_seed(0), torch.finfo(q.dtype).eps ** (1 / 3)
    found = [torch.zeros_like(away[:, 0])]
    for _ in range(4):
        u = torch.randn(q.shape[1:], generator=generator, dtype=torch.float64).to(q)
        # Bodies are moved by less than the size of the cloud, however far away they were rounded.
        shift = step * subject.length * u / u.norm(dim=-1, keepdim=True)
        change = (subject(q + shift, p) - subject(q - shift, p)).abs() / (2 * step * subject.length)
        found.append(change.amax((1, 2)) if change.ndim == 3 else change)
    return (subject.n * subject.dim) ** 0.5 * torch.stack(found).amax(0) * away.amax(1)


def _slope(subject: Subject, q: Tensor, p: Tensor | None) -> Tensor:
    """Return the largest |∂_i F·u| over three random sign vectors u, an estimate of each body's Jacobian norm of F."""
    signs = torch.randn(3, *q.shape[1:], generator=torch.Generator().manual_seed(0), dtype=torch.float64).sign().to(q)
    slopes = [torch.zeros_like(q[..., 0])]
    with torch.enable_grad():
        x = q.detach().requires_grad_()
        force = subject(x, p)
        for u in signs:
            (grad,) = torch.autograd.grad((force * u).sum(), x, retain_graph=True, allow_unused=True)
            slopes += [] if grad is None else [grad.norm(dim=-1)]
    return torch.stack(slopes).amax(0)


def moved(subject: Subject, move: Motions, q: Tensor, p: Tensor | None) -> tuple[Tensor, Tensor | None, dict]:
    """Return positions, momenta and side inputs after one motion has moved all of them.

    Args:
        subject: says how the side inputs move.
        move: one motion for each system.
        q, p: states, (b, n, d); `p` is None where the subject takes none.
    """
    return move(q), move.momenta(p), move_inputs(subject, subject.expanded(len(q)), move.A, move.b)
