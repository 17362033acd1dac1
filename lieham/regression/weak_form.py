"""The linear equations for the weights in which the energy is linear, from observed windows."""

from __future__ import annotations

import torch

from lieham.dynamics.separable import SeparableHamiltonian
from lieham.losses.shooting import ShootingLoss
from lieham.models import LieConvModel
from lieham.regression.dictionary import Basis, kernel
from lieham.regression.interpolant import NODES, Slopes, between
from lieham.regression.problem import Problem
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor

CHUNK = 2_000_000
"""About how many numbers a tensor of pairs, functions and directions has: more would leave the cache."""


WEIGHTS = (5 / 18, 8 / 18, 5 / 18)
"""Gauss-Legendre's rule of three points on [0, 1], of order 6."""


def assemble(model: LieConvModel, x: Trajectory, loss: ShootingLoss, basis: Basis, slopes: Slopes) -> Problem:
    """The equations of all windows, linear about the θ that the model has, in the units of the loss, in float64."""
    nodes, (W, D) = between(x, slopes), _weights(x.times.double())
    h, mass = x.times.double().diff(dim=-1)[..., None, None], x.bodies.mass.double()[:, None, :, None]
    q, p, real = x.q.double(), x.p.double(), x.bodies.mask[:, None, :, None].double()
    drifts, forces = _rates(model, nodes, x.bodies, basis)
    to_p = torch.einsum("bkg,bkgndc->bkndc", W, forces) * (real / loss.scale_p.double())[..., None]
    to_q = torch.einsum("bkg,bkgndc->bkndc", D, forces) / mass[..., None]
    if drifts is not None:
        to_q = to_q + torch.einsum("bkg,bkgndc->bkndc", W, drifts)
    to_q = to_q * (real / loss.scale_q.double())[..., None]
    dp = (p[:, 1:] - p[:, :-1]) * real / loss.scale_p.double()
    dq = (q[:, 1:] - q[:, :-1] - h * p[:, :-1] / mass) * real / loss.scale_q.double()
    A = torch.cat([to_p.flatten(1, 3), to_q.flatten(1, 3)], 1)
    y = torch.cat([dp.flatten(1), dq.flatten(1)], 1) - A[..., -1]
    A = A[..., :-1]
    y = y + A @ basis.read(kernel(model).linear())
    scale = A.abs().amax((0, 1))
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    count = int(real.sum()) * W.shape[1] * q.shape[-1]
    return Problem(A / scale, y, scale, basis, count, torch.ones_like(scale, dtype=torch.bool))


def _weights(times: Float[Tensor, "b t"]) -> tuple[Float[Tensor, "b k g"], Float[Tensor, "b k g"]]:
    """Gauss-Legendre weights of ∫ F dt and of ∫ (t_{k+1} − t) F dt over each step k."""
    h = times.diff(dim=-1)[..., None]
    weights = times.new_tensor(WEIGHTS)
    return h * weights, h.square() * weights * (1 - times.new_tensor(NODES))


def _rates(model: LieConvModel, nodes: PhaseState, bodies: Bodies, basis: Basis) -> tuple[Tensor | None, Tensor]:
    """q̇ − p/m and ṗ of every column, and last of the model as it is; the former None where that is 0 for all."""
    rest = model.field(bodies.over_time())(nodes.q.new_zeros(()), nodes)
    forces = _joined(-slopes_of(model, nodes, bodies, basis, 0), rest.p)
    if isinstance(model, SeparableHamiltonian):
        return None, forces
    drift = rest.q - nodes.p / bodies.mass[:, None, :, None]
    return _joined(slopes_of(model, nodes, bodies, basis, 1), drift), forces


def _joined(columns: Float[Tensor, "b s n d c"], rest: Float[Tensor, "b s n d"]) -> Float[Tensor, "b k g n d c1"]:
    return torch.cat([columns, rest.double()[..., None]], -1).unflatten(1, (-1, len(NODES)))


def slopes_of(
    model: LieConvModel, nodes: PhaseState, bodies: Bodies, basis: Basis, along: int
) -> Float[Tensor, "b s n d c"]:
    """∂Φ/∂q (`along` 0) or ∂Φ/∂p (1) of every column Φ = ∂H/∂θ, by one forward derivative for each coordinate."""
    n, d = nodes.q.shape[-2:]
    directions = torch.eye(n * d, dtype=nodes.q.dtype, device=nodes.q.device).view(-1, n, d)

    def slopes(state: PhaseState, bodies: Bodies) -> Tensor:
        def columns(x: Tensor) -> Tensor:
            moved = PhaseState(x, state.p) if along == 0 else PhaseState(state.q, x)
            return model.basis(moved, bodies, mixing=basis.mixing, chosen=basis.chosen)

        at = state[along]
        return torch.func.vmap(lambda x: torch.func.jvp(columns, (at,), (x.expand_as(at),))[1])(directions)

    functions = sum(w.shape[1] for w in kernel(model).linear())
    size = max(1, CHUNK // (nodes.q.shape[1] * n * n * functions * n * d))
    done = []
    for k in range(0, len(nodes.q), size):
        part = PhaseState(*(x[k : k + size] for x in nodes))
        found = slopes(part, bodies.map(lambda y, k=k: y[k : k + size]).over_time())
        done.append(found.flatten(-2).movedim(0, -2).unflatten(-2, (n, d)).double())
    return torch.cat(done)
