"""The linear equations for the weights in which the energy is linear, from observed windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch

from lieham.hamiltonian import SeparableHamiltonian
from lieham.models import LieConvModel
from lieham.nn import Kernel
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.training.loss import ShootingLoss
from lieham.typing import Bool, Float, Int, Tensor

MOST_POINTS = 5
"""Longest window whose interpolant is used whole; a longer one is cut."""
CHUNK = 2_000_000
"""About how many numbers a tensor of pairs, functions and directions has: more would leave the cache."""
NODES = (0.5 - 0.15**0.5, 0.5, 0.5 + 0.15**0.5)
WEIGHTS = (5 / 18, 8 / 18, 5 / 18)
"""Gauss-Legendre's rule of three points on [0, 1], of order 6."""


@dataclass
class Problem:
    """A z ≈ y with columns of largest element 1; θ = z/scale, combined by `mixing` into the weights of functions."""

    A: Float[Tensor, "windows rows columns"]
    y: Float[Tensor, "windows rows"]
    scale: Float[Tensor, " columns"]
    basis: Basis
    count: int
    columns: Bool[Tensor, " columns"]
    """Those in use; the weights of the others are 0."""
    ridge: float = 0.0

    def decompose(self, ridge: float) -> None:
        """The singular values of A's columns in use, for `solve`."""
        triangle = reduce(self.A[..., self.columns], self.y)
        self.ridge = ridge
        _, self.S, self.V = torch.linalg.svd(triangle[:, :-1], full_matrices=False)
        self.right = (triangle[:, :-1].mT @ triangle[:, -1]) / self.count

    def solve(self, right: Float[Tensor, " columns"]) -> Float[Tensor, " columns"]:
        """(AᵀA/count + ridge)⁻¹ right."""
        return self.V.mT @ ((self.V @ right) / (self.S.square() / self.count + self.ridge))

    def write(self, z: Tensor, weights: tuple[Tensor, ...]) -> None:
        """The solution as the kernel's weights."""
        theta = torch.zeros_like(self.scale)
        theta[self.columns] = z / self.scale[self.columns]
        self.basis.write(theta, weights)

    def read(self, gradients: list[Tensor]) -> Float[Tensor, " columns"]:
        """∂L/∂z of ∂L/∂weights."""
        return self.basis.read(gradients)[self.columns] / self.scale[self.columns]


@dataclass
class Basis:
    """The columns: functions `chosen` of the kernel, times the combinations `mixing` of its outputs."""

    chosen: Int[Tensor, " f"]
    mixing: Float[Tensor, "k r"]

    def write(self, theta: Float[Tensor, " columns"], weights: tuple[Tensor, ...]) -> None:
        """The kernel's weights, those of functions that were not chosen 0."""
        whole = theta.new_zeros(sum(w.shape[1] for w in weights), len(self.mixing))
        whole[self.chosen] = theta.unflatten(0, (-1, self.mixing.shape[1])) @ self.mixing.mT.to(theta)
        copy(weights, whole.mT.split([w.shape[1] for w in weights], 1))

    def read(self, weights: Sequence[Tensor]) -> Float[Tensor, " columns"]:
        """What was written; of gradients by the weights, those by the columns."""
        mixing = self.mixing.double()
        return (torch.cat(list(weights), 1).mT[self.chosen].to(mixing) @ mixing).flatten()


class Slopes(NamedTuple):
    """q̇ and ṗ at the points of windows, each None where it is not known."""

    q: Float[Tensor, "b t n d"] | None = None
    p: Float[Tensor, "b t n d"] | None = None


def kernel(model: LieConvModel) -> Kernel:
    """The last kernel, whose weights θ are sought."""
    return model.potential.network.blocks[-1].conv.kernel


def known(model: LieConvModel, windows: Trajectory) -> Slopes:
    """What the data tell of the slopes: q̇ = p/m where p is no more than that."""
    separable = isinstance(model, SeparableHamiltonian)
    return Slopes(windows.p / windows.bodies.mass[:, None, :, None] if separable else None)


def assemble(model: LieConvModel, x: Trajectory, loss: ShootingLoss, basis: Basis, slopes: Slopes) -> Problem:
    """The equations of all windows, linear about the θ that the model has, in the units of the loss, in float64."""
    nodes, (W, D) = _between(x, slopes), _weights(x.times.double())
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


def hermite(
    times: Float[Tensor, "b t"], at: Float[Tensor, "b s"]
) -> tuple[Float[Tensor, "b s t"], Float[Tensor, "b s t"]]:
    """Weights of values and of derivatives at `times` in the polynomial through all of them, at the times `at`."""
    t, s, half = _centred(times, at)
    powers = torch.arange(2 * t.shape[1], dtype=t.dtype, device=t.device)
    slopes = powers * t[..., None] ** (powers - 1).clamp(min=0)
    system = torch.cat([t[..., None] ** powers, slopes], 1)
    weights = torch.linalg.solve(system.mT, (s[..., None] ** powers).mT).mT
    values, derivatives = weights.chunk(2, -1)
    return values, derivatives * half[..., None]


def lagrange(times: Float[Tensor, "b t"], at: Float[Tensor, "b s"]) -> Float[Tensor, "b s t"]:
    """Weights of the values at `times` in the polynomial through them, at the times `at`."""
    t, s, _ = _centred(times, at)
    powers = torch.arange(t.shape[1], dtype=t.dtype, device=t.device)
    return torch.linalg.solve((t[..., None] ** powers).mT, (s[..., None] ** powers).mT).mT


def _centred(times: Tensor, at: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both in units of half the window, from its middle; that half."""
    middle, half = (times[:, -1:] + times[:, :1]) / 2, (times[:, -1:] - times[:, :1]) / 2
    return (times - middle) / half, (at - middle) / half, half


def _interpolated(times: Tensor, at: Tensor, x: Tensor, slopes: Tensor | None) -> Float[Tensor, "b s n d"]:
    """x at the times `at`, from its values, and slopes where they are known, at `times`; in float64."""
    if slopes is None:
        return torch.einsum("bst,btnd->bsnd", lagrange(times, at), x.double())
    values, derivatives = hermite(times, at)
    path = torch.einsum("bst,btnd->bsnd", values, x.double())
    return path + torch.einsum("bst,btnd->bsnd", derivatives, slopes.double())


def _between(x: Trajectory, slopes: Slopes) -> PhaseState:
    """States at the Gauss nodes of every step, (b, s, n, d)."""
    times = x.times.double()
    at = (times[:, :-1, None] + times.diff(dim=-1)[..., None] * times.new_tensor(NODES)).flatten(1)
    pairs = zip(x.states(), slopes, strict=True)
    return PhaseState(*(_interpolated(times, at, values, slope).to(x.q.dtype) for values, slope in pairs))


def resolution(windows: Trajectory, slopes: Slopes) -> Float[Tensor, " b"]:
    """The largest error in q at the second and fourth of the first 5 points, interpolated from the other three; 0 for
    shorter windows. Where it is not small, the points are too far apart to tell the path between them."""
    if windows.n_steps < 4:
        return windows.q.new_zeros(len(windows)).double()
    times, three, left = windows.times[:, :5].double(), [0, 2, 4], [1, 3]
    slope = None if slopes.q is None else slopes.q[:, three]
    q = _interpolated(times[:, three], times[:, left], windows.q[:, three], slope)
    return (q - windows.q[:, left].double()).abs().amax((1, 2, 3))


def _weights(times: Float[Tensor, "b t"]) -> tuple[Float[Tensor, "b k g"], Float[Tensor, "b k g"]]:
    """Gauss-Legendre weights of ∫ F dt and of ∫ (t_{k+1} − t) F dt over each step k."""
    h = times.diff(dim=-1)[..., None]
    weights = times.new_tensor(WEIGHTS)
    return h * weights, h.square() * weights * (1 - times.new_tensor(NODES))


def reduce(A: Float[Tensor, "w r c"], y: Float[Tensor, "w r"]) -> Float[Tensor, "m c1"]:
    """The triangle of [A y]: the same least-squares problem in no more rows than columns."""
    return torch.linalg.qr(torch.cat([A, y[..., None]], -1).flatten(0, 1), mode="r").R


def _rates(model: LieConvModel, nodes: PhaseState, bodies: Bodies, basis: Basis) -> tuple[Tensor | None, Tensor]:
    """q̇ − p/m and ṗ of every column, and last of the model as it is; the former None where that is 0 for all."""
    rest = model.field(bodies.over_time())(nodes.q.new_zeros(()), nodes)
    forces = _joined(-_slopes(model, nodes, bodies, basis, 0), rest.p)
    if isinstance(model, SeparableHamiltonian):
        return None, forces
    drift = rest.q - nodes.p / bodies.mass[:, None, :, None]
    return _joined(_slopes(model, nodes, bodies, basis, 1), drift), forces


def _joined(columns: Float[Tensor, "b s n d c"], rest: Float[Tensor, "b s n d"]) -> Float[Tensor, "b k g n d c1"]:
    return torch.cat([columns, rest.double()[..., None]], -1).unflatten(1, (-1, len(NODES)))


def _slopes(
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


def mixing_of(model: LieConvModel, x: Trajectory) -> Float[Tensor, "k r"]:
    """The combinations of kernel outputs that the data can tell apart, orthonormal: the others change no energy."""
    first = PhaseState(x.q[:100], x.p[:100])
    rows = model.basis(first, x.bodies.map(lambda y: y[:100]).over_time())
    dtype, rows = rows.dtype, rows.double().flatten(0, -2)
    rows = rows / rows.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)
    values, vectors = torch.linalg.eigh(rows.mT @ rows)
    floor = 1e-11 if dtype == torch.float64 else 1e-6
    return vectors[:, values > floor * values[-1]].to(dtype)


def cut(windows: Trajectory) -> Trajectory:
    """Windows of at most `MOST_POINTS` points."""
    if windows.n_steps < MOST_POINTS:
        return windows
    step = MOST_POINTS - 1
    starts = [*range(0, windows.n_steps - step, step), windows.n_steps - step]
    rows = [slice(s, s + MOST_POINTS) for s in starts]
    times, q, p = (torch.cat([x[:, r] for r in rows]) for x in (windows.times, windows.q, windows.p))
    return Trajectory(times, q, p, windows.bodies.map(lambda x: torch.cat([x] * len(rows))))


@torch.no_grad()
def copy(weights: tuple[Tensor, ...], values: Sequence[Tensor]) -> None:
    """Write values into weights."""
    for weight, value in zip(weights, values, strict=True):
        weight.copy_(value)
