"""Losses: training minimises the distance of integrated windows from observed ones."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import nn

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.errors import InputError
from lieham.integrate import make_integrator
from lieham.losses.closed import without_push
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor

MOST_SUBSTEPS = 16
"""The loss takes at most this many steps of the integrator between two points, unless it is told to take more."""
TRIM = 0.1
"""This share of the errors, the largest, is left out of the `validation` score."""


class ShootingLoss(nn.Module):
    """A loss that is the mean over bodies and steps of |q̂ − q|²/s_q² + |p̂ − p|²/s_p², by multiple shooting.

    A window of w points is cut into segments. Each is integrated from its own observed first point, all in one batch
    (Bock and Plitt 1984). s_q and s_p are the root mean square changes of q and p over one segment, measured once on
    the training windows, times the size of each body's own motion (`Trajectory.sizes`): a planet counts as much as its
    star. So the loss of a constant state is about 2 and units drop out. Where an outside push moves all bodies alike,
    the loss is `closed`: that motion is taken out of the errors (`closed.without_push`).

    Args:
        segment: the number of steps of a segment; 1 compares single steps, 0 integrates the full window from its first
            point.
        method: the name of the integrator.
        substeps: the number of steps of the integrator between two observed points; 0 for 1 to begin with, and for more
            where a stage finds that the integrator's error counts.
        compile: True if torch.compile is to compile the force.
    """

    scale_q: Tensor
    scale_p: Tensor
    reads_points: ClassVar[bool] = False
    """The loss compares forces at the points, and nothing between them."""

    def __init__(self, segment: int, method: str, substeps: int, compile: bool = False):
        super().__init__()
        self.segment, self.compile_field, self.method, self.closed = segment, compile, method, False
        self.take(substeps or 1)
        self.refinable = not substeps and "substeps" in vars(self.integrator)
        self.register_buffer("scale_q", torch.ones(()))
        self.register_buffer("scale_p", torch.ones(()))

    def take(self, substeps: int) -> None:
        """Take this many steps of the integrator between two observed points from now on."""
        self.substeps = substeps
        self.integrator = make_integrator(self.method, **({"substeps": substeps} if substeps != 1 else {}))

    def calibrate(self, windows: Trajectory) -> None:
        """Measure s_q and s_p on observed windows; raise InputError where nothing moves in them."""
        start, truth, _ = self._segments(windows)
        for name, x0, x in (("q", start.q, truth.q), ("p", start.p, truth.p)):
            scale = _mean((x - x0.unsqueeze(-3)).square(), windows).sqrt()
            if not bool(scale > 0):
                raise InputError(f"{name} of the training windows must change in time, got constant values")
            getattr(self, f"scale_{name}").copy_(scale)

    def forward(self, model: Hamiltonian, windows: Trajectory) -> Float[Tensor, ""]:
        return _mean(self._squares(model, windows), windows)

    def blocks(self, model: Hamiltonian, windows: Trajectory) -> Float[Tensor, " blocks"]:
        """Return the loss of every real body of every window, whose mean is the loss."""
        return self._squares(model, windows).mean((1, 2, 4))[windows.bodies.mask]

    def scores(self, model: Hamiltonian, windows: Trajectory) -> dict[str, float]:
        """Return the mean over bodies and windows without the worst tenth (`validation`), the median and the mean.

        A few close passes can dominate the mean, and say little of what a user sees.
        """
        found = self.blocks(model, windows).double().sort().values
        kept = found[: max(1, round((1 - TRIM) * len(found)))]
        return {"validation": kept.mean().item(), "median": found.median().item(), "mean": found.mean().item()}

    def _squares(self, model: Hamiltonian, windows: Trajectory) -> Float[Tensor, "b s k n d"]:
        start, truth, times = self._segments(windows)
        field = model.field(windows.bodies.over_time())
        field = field.compiled() if self.compile_field else field
        predicted = self.integrator.integrate(field, start, times)
        scales = self.scales(windows)
        error = PhaseState(
            (predicted.q[..., 1:, :, :] - truth.q) / scales.q[:, None],
            (predicted.p[..., 1:, :, :] - truth.p) / scales.p[:, None],
        )
        if self.closed:
            error = without_push(error, windows, times, scales)
        return error.q.square() + error.p.square()

    def scales(self, windows: Trajectory) -> PhaseState:
        """Return s_q and s_p times the size of every body's own motion, (b, 1, n, 1)."""
        return PhaseState(self.scale_q * windows.sizes.q, self.scale_p * windows.sizes.p)

    def _segments(self, windows: Trajectory) -> tuple[PhaseState, PhaseState, Tensor]:
        """Return starts (b, s, n, d), truths (b, s, k, n, d) and times (b, s, k + 1) of the s segments of k steps."""
        k = self.segment or windows.n_steps
        q, p = (x[:, 1:].unflatten(1, (-1, k)) for x in (windows.q, windows.p))
        start = PhaseState(windows.q[:, :-1:k], windows.p[:, :-1:k])
        return start, PhaseState(q, p), windows.times.unfold(-1, k + 1, k)


def _mean(x: Float[Tensor, "b s k n d"], windows: Trajectory) -> Float[Tensor, ""]:
    """Return the mean over all windows, segments, steps, real bodies and components; padded bodies are ignored."""
    real = windows.bodies.mask[:, None, None, :, None].to(x.dtype).expand_as(x)
    return (x * real).sum() / real.sum()
