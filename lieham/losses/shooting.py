"""Losses: training minimises the distance of integrated windows from observed ones."""

from __future__ import annotations

import torch
from torch import nn

from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.errors import InputError
from lieham.integrate import make_integrator
from lieham.state import PhaseState, Trajectory
from lieham.typing import Float, Tensor


class ShootingLoss(nn.Module):
    """A loss that is the mean over bodies and steps of |q̂ − q|²/s_q² + |p̂ − p|²/s_p², by multiple shooting.

    A window of w points is cut into segments. Each is integrated from its own observed first point, all in one batch
    (Bock and Plitt 1984). s_q and s_p are the root mean square changes of q and p over one segment, measured once on
    the training windows, so the loss of a constant state is 2 and units drop out.

    Args:
        segment: the number of steps of a segment; 1 compares single steps, 0 integrates the full window from its first
            point.
        method: the name of the integrator.
        substeps: the number of steps of the integrator between two observed points.
        compile: True if torch.compile is to compile the force.
    """

    scale_q: Tensor
    scale_p: Tensor

    def __init__(self, segment: int, method: str, substeps: int, compile: bool = False):
        super().__init__()
        self.segment, self.compile_field = segment, compile
        settings = {"substeps": substeps} if substeps != 1 else {}
        self.integrator = make_integrator(method, **settings)
        self.register_buffer("scale_q", torch.ones(()))
        self.register_buffer("scale_p", torch.ones(()))

    def calibrate(self, windows: Trajectory) -> None:
        """Measure s_q and s_p on observed windows; raise InputError where nothing moves in them."""
        start, truth, _ = self._segments(windows)
        for name, x0, x in (("q", start.q, truth.q), ("p", start.p, truth.p)):
            scale = _mean((x - x0.unsqueeze(-3)).square(), windows).sqrt()
            if not bool(scale > 0):
                raise InputError(f"{name} of the training windows must change in time, got constant values")
            getattr(self, f"scale_{name}").copy_(scale)

    def forward(self, model: Hamiltonian, windows: Trajectory) -> Float[Tensor, ""]:
        start, truth, times = self._segments(windows)
        field = model.field(windows.bodies.over_time())
        field = field.compiled() if self.compile_field else field
        predicted = self.integrator.integrate(field, start, times)
        error_q = ((predicted.q[..., 1:, :, :] - truth.q) / self.scale_q).square()
        error_p = ((predicted.p[..., 1:, :, :] - truth.p) / self.scale_p).square()
        return _mean(error_q + error_p, windows)

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
