"""The linear equations for the weights in which the energy is linear, from observed windows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from lieham.models import HLieConv
from lieham.state import Bodies, Trajectory
from lieham.training.energies import Energies
from lieham.training.loss import ShootingLoss
from lieham.typing import Bool, Float, Tensor

MOST_POINTS = 5
"""Longest window whose interpolant is used whole; a longer one is cut."""
CHUNK = 20_000_000
"""Most numbers in a chunk of columns, before bodies are summed."""
NODES = (0.5 - 0.15**0.5, 0.5, 0.5 + 0.15**0.5)
WEIGHTS = (5 / 18, 8 / 18, 5 / 18)
"""Gauss-Legendre's rule of three points on [0, 1], of order 6."""


@dataclass
class Problem:
    """A z ≈ y with columns of largest element 1; θ = z/scale, combined by `mixing` into the weights of functions."""

    A: Float[Tensor, "windows rows columns"]
    y: Float[Tensor, "windows rows"]
    scale: Float[Tensor, " columns"]
    mixing: Float[Tensor, "k r"]
    count: int
    columns: Bool[Tensor, " columns"]
    """Those in use; the weights of the others are 0."""
    ridge: float = 0.0
    energies: Energies | None = None
    """What is solved for beside the paths."""

    def decompose(self, ridge: float) -> None:
        """The singular values of A's columns in use, for `solve`."""
        triangle = reduce(self.A[..., self.columns], self.y)
        if self.energies is not None:
            triangle = torch.cat([triangle, self.energies.of(self.columns).weighted()])
        self.ridge = ridge
        U, self.S, self.V = torch.linalg.svd(triangle[:, :-1], full_matrices=False)
        self.shares = U.mT @ triangle[:, -1]

    def solution(self) -> Float[Tensor, " columns"]:
        """(AᵀA/count + ridge)⁻¹ Aᵀy/count, to round-off: without the product Aᵀy, whose own a small ridge magnifies."""
        return self.V.mT @ (self.S * self.shares / (self.S.square() + self.ridge * self.count))

    def solve(self, right: Float[Tensor, " columns"]) -> Float[Tensor, " columns"]:
        """(AᵀA/count + ridge)⁻¹ right."""
        return self.V.mT @ ((self.V @ right) / (self.S.square() / self.count + self.ridge))

    def beside(self, z: Float[Tensor, " columns"]) -> tuple[float, Float[Tensor, " columns"]]:
        """What the energies add to the loss, and half of its derivative."""
        if self.energies is None:
            return 0.0, torch.zeros_like(z)
        rows = self.energies.of(self.columns).weighted()
        error = rows[:, :-1] @ z - rows[:, -1]
        return (error.square().sum() / self.count).item(), rows[:, :-1].mT @ error / self.count

    @torch.no_grad()
    def write(self, z: Tensor, weights: tuple[Tensor, ...]) -> None:
        """The solution as the kernel's weights."""
        theta = torch.zeros_like(self.scale)
        theta[self.columns] = z / self.scale[self.columns]
        theta = theta.unflatten(0, (-1, self.mixing.shape[1])) @ self.mixing.mT
        copy(weights, theta.mT.split([w.shape[1] for w in weights], 1))

    def read(self, gradients: list[Tensor]) -> Float[Tensor, " columns"]:
        """∂L/∂z of ∂L/∂weights."""
        slope = (torch.cat(gradients, 1).mT.to(self.mixing) @ self.mixing).flatten()
        return slope[self.columns] / self.scale[self.columns]


def assemble(model: HLieConv, windows: Trajectory, loss: ShootingLoss) -> Problem:
    """The equations of all windows, in the units of the loss, in float64."""
    x = _cut(windows)
    nodes, (W, D) = _between(x), _weights(x.times.double())
    mixing = _mixing(model, x)
    rest = model.field(x.bodies.over_time()).force(x.times, nodes).double()[..., None]
    forces = torch.cat([_forces(model, nodes, x.bodies, mixing), rest], -1).unflatten(1, (-1, len(NODES)))
    h, mass = x.times.double().diff(dim=-1)[..., None, None], x.bodies.mass.double()[:, None, :, None]
    q, p, real = x.q.double(), x.p.double(), x.bodies.mask[:, None, :, None].double()
    to_p = torch.einsum("bkg,bkgndc->bkndc", W, forces) * (real / loss.scale_p.double())[..., None]
    to_q = torch.einsum("bkg,bkgndc->bkndc", D, forces) * (real / mass / loss.scale_q.double())[..., None]
    dp = (p[:, 1:] - p[:, :-1]) * real / loss.scale_p.double()
    dq = (q[:, 1:] - q[:, :-1] - h * p[:, :-1] / mass) * real / loss.scale_q.double()
    A = torch.cat([to_p.flatten(1, 3), to_q.flatten(1, 3)], 1)
    y = torch.cat([dp.flatten(1), dq.flatten(1)], 1) - A[..., -1]
    scale = A[..., :-1].abs().amax((0, 1))
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    count = int(real.sum()) * W.shape[1] * q.shape[-1]
    return Problem(A[..., :-1] / scale, y, scale, mixing.double(), count, torch.ones_like(scale, dtype=torch.bool))


def hermite(
    times: Float[Tensor, "b t"], at: Float[Tensor, "b s"]
) -> tuple[Float[Tensor, "b s t"], Float[Tensor, "b s t"]]:
    """Weights of values and of derivatives at `times` in the polynomial through all of them, at the times `at`."""
    middle, half = (times[:, -1:] + times[:, :1]) / 2, (times[:, -1:] - times[:, :1]) / 2
    t, s = (times - middle) / half, (at - middle) / half
    powers = torch.arange(2 * t.shape[1], dtype=t.dtype, device=t.device)
    slopes = powers * t[..., None] ** (powers - 1).clamp(min=0)
    system = torch.cat([t[..., None] ** powers, slopes], 1)
    weights = torch.linalg.solve(system.mT, (s[..., None] ** powers).mT).mT
    values, derivatives = weights.chunk(2, -1)
    return values, derivatives * half[..., None]


def _between(x: Trajectory) -> Float[Tensor, "b s n d"]:
    """Positions at the Gauss nodes of every step, interpolated from positions and velocities p/m."""
    times = x.times.double()
    at = times[:, :-1, None] + times.diff(dim=-1)[..., None] * times.new_tensor(NODES)
    values, slopes = hermite(times, at.flatten(1))
    velocity = x.p.double() / x.bodies.mass.double()[:, None, :, None]
    path = torch.einsum("bst,btnd->bsnd", values, x.q.double()) + torch.einsum("bst,btnd->bsnd", slopes, velocity)
    return path.to(x.q.dtype)


def resolution(windows: Trajectory) -> Float[Tensor, " b"]:
    """The largest error in q at the second and fourth of the first 5 points, interpolated from the other three; 0 for
    shorter windows. Where it is not small, the points are too far apart to tell the path between them."""
    if windows.n_steps < 4:
        return windows.q.new_zeros(len(windows)).double()
    x = windows.window(0, 5)
    times, known, left = x.times.double(), [0, 2, 4], [1, 3]
    values, slopes = hermite(times[:, known], times[:, left])
    velocity = x.p.double() / x.bodies.mass.double()[:, None, :, None]
    q = torch.einsum("bst,btnd->bsnd", values, x.q[:, known].double())
    q = q + torch.einsum("bst,btnd->bsnd", slopes, velocity[:, known])
    return (q - x.q[:, left].double()).abs().amax((1, 2, 3))


def _weights(times: Float[Tensor, "b t"]) -> tuple[Float[Tensor, "b k g"], Float[Tensor, "b k g"]]:
    """Gauss-Legendre weights of ∫ F dt and of ∫ (t_{k+1} − t) F dt over each step k."""
    h = times.diff(dim=-1)[..., None]
    weights = times.new_tensor(WEIGHTS)
    return h * weights, h.square() * weights * (1 - times.new_tensor(NODES))


def reduce(A: Float[Tensor, "w r c"], y: Float[Tensor, "w r"]) -> Float[Tensor, "m c1"]:
    """The triangle of [A y]: the same least-squares problem in no more rows than columns."""
    return torch.linalg.qr(torch.cat([A, y[..., None]], -1).flatten(0, 1), mode="r").R


def _forces(
    model: HLieConv, nodes: Float[Tensor, "b s n d"], bodies: Bodies, mixing: Tensor
) -> Float[Tensor, "b s n d c"]:
    """−∂Φ/∂q of every column, by one forward derivative for each coordinate."""
    n, d = nodes.shape[-2:]
    directions = torch.eye(n * d, dtype=nodes.dtype, device=nodes.device).view(-1, n, d)

    def forces(q: Tensor, bodies: Bodies) -> Tensor:
        def basis(q: Tensor) -> Tensor:
            return model.potential.basis(q, bodies, mixing)

        return -torch.stack([torch.func.jvp(basis, (q,), (x.expand_as(q),))[1] for x in directions])

    columns = len(mixing[0]) * sum(w.shape[1] for w in model.potential.network.blocks[-1].conv.kernel.linear())
    size = max(1, CHUNK // (columns * n * d * nodes.shape[1] * max(1, n // 2)))
    done = []
    for k in range(0, len(nodes), size):
        part = bodies.map(lambda y, k=k: y[k : k + size]).over_time()
        done.append(forces(nodes[k : k + size], part).flatten(-2).movedim(0, -2).unflatten(-2, (n, d)).double())
    return torch.cat(done)


def _mixing(model: HLieConv, x: Trajectory) -> Float[Tensor, "k r"]:
    """The combinations of kernel outputs that the data can tell apart, orthonormal: the others change no energy."""
    basis = model.potential.basis(x.q[:100], x.bodies.map(lambda y: y[:100]).over_time())
    rows = basis.double().flatten(0, -2)
    rows = rows / rows.norm(dim=-1, keepdim=True).clamp(min=torch.finfo(rows.dtype).tiny)
    values, vectors = torch.linalg.eigh(rows.mT @ rows)
    floor = 1e-11 if basis.dtype == torch.float64 else 1e-6
    return vectors[:, values > floor * values[-1]].to(basis.dtype)


def _cut(windows: Trajectory) -> Trajectory:
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
