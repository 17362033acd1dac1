"""The weak form: equations of motion integrated along the observed path, linear in a model's coefficients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from lieham.data.windows import WindowBatch, batch_of
from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.losses.closed import push_direction
from lieham.losses.shooting import ShootingLoss
from lieham.regression.dictionary import Columns
from lieham.regression.force_rows import derivatives, force_rows
from lieham.regression.interpolant import NODES, Slopes, between
from lieham.regression.problem import RidgeProblem, posed
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor

PART = 20_000_000
"""About how many numbers the forces of all columns at the nodes of some windows hold: 160 MB."""
WEIGHTS = (5 / 18, 8 / 18, 5 / 18)
"""The weights of Gauss-Legendre's rule of three points on [0, 1], of order 6."""


def assemble(
    model: Hamiltonian, dictionary: Dictionary, windows: Trajectory, loss: ShootingLoss, path: tuple[Columns, Slopes]
) -> RidgeProblem:
    """Pose the equations of all windows, linear about the θ that the model has, in float64.

    With F = −Σ θ ∂Φ/∂q along the path, for every step from t_k to t_{k+1} = t_k + h and every body,

        p_{k+1} − p_k = ∫ F dt,    q_{k+1} − q_k − h p_k/m = ∫ (t_{k+1} − t) F/m + Σ θ ∂Φ/∂p dt,

    the former in units of s_p and the latter in units of s_q, as the loss has them. The rows of a window are those of
    its first body, of its second, and so on. Where the loss is closed, what one acceleration of all bodies would change
    is taken out of them.

    Args:
        model: the model whose coefficients are sought.
        dictionary: its dictionary.
        windows: windows, (windows, time, n, d).
        loss: the shooting loss, which holds the units s_q and s_p.
        path: the columns, and the slopes of the path at the observed points.
    """
    columns, x = path[0], batch_of(windows)
    parts = list(equations(model, dictionary, x, loss, path))
    A, y = parts[0] if len(parts) == 1 else (torch.cat(z) for z in zip(*parts, strict=True))
    y = y + A @ columns.gather(dictionary.get())
    times = x.times.shape[-1] if loss.reads_points else x.n_steps
    found = posed(A, y, columns, int(x.bodies.mask.sum()) * times * x.q.shape[-1])
    return replace(found, fold=x.origin, mask=x.bodies.mask)


def equations(
    model: Hamiltonian, dictionary: Dictionary, x: WindowBatch, loss: ShootingLoss, path: tuple[Columns, Slopes]
) -> Iterator[tuple[Float[Tensor, "b rows columns"], Float[Tensor, "b rows"]]]:
    """Yield coefficients and right-hand sides of the equations, some windows at a time, about the θ of the model."""
    columns, slopes = path
    if loss.reads_points:
        yield from force_rows(model, dictionary, x, loss, columns)
        return
    each = len(NODES) * x.n_steps * x.q.shape[-2:].numel() * (columns.mixing.shape[1] * len(columns.chosen) + 1)
    size = max(1, PART // each)
    for k in range(0, len(x), size):
        some = Slopes(*(None if y is None else y[k : k + size] for y in slopes))
        yield _equations(model, dictionary, x[k : k + size], loss, (columns, some))


def _equations(
    model: Hamiltonian, dictionary: Dictionary, x: WindowBatch, loss: ShootingLoss, path: tuple[Columns, Slopes]
) -> tuple[Float[Tensor, "b rows columns"], Float[Tensor, "b rows"]]:
    """Return coefficients and right-hand sides of the equations of some windows, about the θ that the model has."""
    columns, slopes = path
    nodes, W, D = _rule(x, slopes)
    h, mass = x.times.double().diff(dim=-1)[..., None, None], x.bodies.mass.double()[:, None, :, None]
    q, p, real = x.q.double(), x.p.double(), x.bodies.mask[:, None, :, None].double()
    drifts, forces = _rates(model, dictionary, nodes, x.bodies, columns)
    scales = PhaseState(*(s.double() for s in loss.scales(x)))
    dp = p[:, 1:] - p[:, :-1]
    dq = q[:, 1:] - q[:, :-1] - h * p[:, :-1] / mass
    to_p = torch.einsum("bks,bsndc->bkndc", W, forces)
    to_q = torch.einsum("bks,bsndc->bkndc", D, forces) / mass[..., None]
    if drifts is not None:
        to_q = to_q + torch.einsum("bks,bsndc->bkndc", W, drifts)
    both = (
        torch.cat([a, b[..., None]], -1) * (real / s)[..., None]
        for a, b, s in ((to_q, dq, scales.q), (to_p, dp, scales.p))
    )
    rows = PhaseState(*both)
    if loss.closed:
        rows = _without_push(rows, x, scales)
    equations = torch.cat([rows.p, rows.q], 1).movedim(2, 1).flatten(1, 3)
    return equations[..., :-2], equations[..., -1] - equations[..., -2]


def _without_push(rows: PhaseState, x: WindowBatch, scales: PhaseState) -> PhaseState:
    """Take out of the rows (b, k, n, d, c), step by step, what one acceleration of all bodies would change."""
    u = PhaseState(*(y[:, 0, ..., None] for y in push_direction(x, x.times.double().diff(dim=-1)[:, None], scales)))
    share = (rows.q * u.q + rows.p * u.p).sum(2, keepdim=True)
    return PhaseState(rows.q - u.q * share, rows.p - u.p * share)


def _rule(x: WindowBatch, slopes: Slopes) -> tuple[PhaseState, Float[Tensor, "b k s"], Float[Tensor, "b k s"]]:
    """Return the nodes s of quadrature, and the weights there of ∫ F dt and of ∫ (t_{k+1} − t) F dt over each step k.

    They are Gauss-Legendre's along the path between the points.
    """
    h = x.times.double().diff(dim=-1)[..., None]
    steps = torch.eye(h.shape[1], dtype=h.dtype, device=h.device)
    weights, late = h.new_tensor(WEIGHTS), 1 - h.new_tensor(NODES)
    own = (torch.kron(steps, weights), torch.kron(steps, weights * late))
    return between(x, slopes), h * own[0], h.square() * own[1]


def _rates(
    model: Hamiltonian, dictionary: Dictionary, nodes: PhaseState, bodies: Bodies, columns: Columns
) -> tuple[Tensor | None, Tensor]:
    """Return q̇ − p/m and ṗ of every column, and last of the model as it is; the former is None where it is 0."""
    rest = model.field(bodies.over_time())(nodes.q.new_zeros(()), nodes)
    forces = _joined(-derivatives(dictionary, nodes, bodies, columns, 0), rest.p)
    if model.separable:
        return None, forces
    drift = rest.q - nodes.p / bodies.mass[:, None, :, None]
    return _joined(derivatives(dictionary, nodes, bodies, columns, 1), drift), forces


def _joined(columns: Float[Tensor, "b s n d c"], rest: Float[Tensor, "b s n d"]) -> Float[Tensor, "b s n d c1"]:
    return torch.cat([columns, rest.double()[..., None]], -1)
