"""Twelve faulty models that an audit must find out, and three sound ones that it must not, none of them ours."""

from __future__ import annotations

import torch
from torch import nn

from lieham.typing import Tensor


def _distances(q: Tensor) -> Tensor:
    """|q_i − q_j|², (b, n, n)."""
    return (q[:, :, None] - q[:, None]).square().sum(-1)


def pair_potential(q: Tensor) -> Tensor:
    """Softened Coulomb between all pairs."""
    n = q.shape[1]
    return ((_distances(q) + 0.1).rsqrt() * (1 - torch.eye(n, dtype=q.dtype))).sum((1, 2))


def pair_force(q: Tensor) -> Tensor:
    """−∇ of `pair_potential`."""
    delta = q[:, :, None] - q[:, None]
    return 2 * (delta * (_distances(q) + 0.1)[..., None] ** -1.5).sum(2)


def lennard_jones(q: Tensor) -> Tensor:
    """Infinite where bodies meet."""
    n = q.shape[1]
    d2 = _distances(q) + torch.eye(n, dtype=q.dtype)
    return ((d2**-6 - d2**-3) * (1 - torch.eye(n, dtype=q.dtype))).sum((1, 2))


class GramNetwork(nn.Module):
    """A network on the Gram matrix of centred positions, sums over bodies: E(n) and permutations."""

    def __init__(self):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.pair = nn.Sequential(nn.Linear(3, 16), nn.Tanh(), nn.Linear(16, 8), nn.Tanh())
            self.out = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 1))
        self.double()

    def forward(self, q: Tensor) -> Tensor:
        x = q - q.mean(1, keepdim=True)
        gram = x @ x.mT
        norm = gram.diagonal(dim1=1, dim2=2)
        rows = torch.stack([gram, norm[:, :, None].expand_as(gram), norm[:, None].expand_as(gram)], -1)
        return self.out(self.pair(rows).mean(2)).sum((1, 2))


class GraphNetwork(nn.Module):
    """Satorras, Hoogeboom, Welling 2021 (arXiv 2102.09844) in brief: messages of features and squared distances move
    the bodies along their differences; charges are side inputs."""

    def __init__(self, layers: int = 2):
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            self.message = nn.ModuleList(nn.Sequential(nn.Linear(9, 16), nn.SiLU()) for _ in range(layers))
            self.shift = nn.ModuleList(nn.Linear(16, 1) for _ in range(layers))
            self.update = nn.ModuleList(nn.Linear(20, 4) for _ in range(layers))
            self.embed, self.out = nn.Linear(1, 4), nn.Linear(4, 1)
        self.double()

    def forward(self, q: Tensor, charge: Tensor) -> Tensor:
        n = q.shape[1]
        off = (1 - torch.eye(n, dtype=q.dtype))[..., None]
        h = self.embed(charge[..., None])
        for message, shift, update in zip(self.message, self.shift, self.update, strict=True):
            both = [h[:, :, None].expand(-1, n, n, -1), h[:, None].expand(-1, n, n, -1)]
            m = message(torch.cat([*both, _distances(q)[..., None]], -1)) * off
            q = q + ((q[:, :, None] - q[:, None]) * torch.tanh(shift(m)) * off).mean(2)
            h = h + torch.tanh(update(torch.cat([h, m.sum(2)], -1)))
        return self.out(h).sum((1, 2))


# Faults, each beside what an audit is told about it: (function, arguments)


def rotated_force(q: Tensor) -> Tensor:
    """Turned by half a degree about z."""
    c, s = torch.cos(torch.tensor(0.01, dtype=q.dtype)), torch.sin(torch.tensor(0.01, dtype=q.dtype))
    f = pair_force(q)
    return torch.stack([c * f[..., 0] - s * f[..., 1], s * f[..., 0] + c * f[..., 1], f[..., 2]], -1)


def curling_force(q: Tensor) -> Tensor:
    """Central, equal and opposite, but stronger where a third body is near: no potential has it."""
    delta = q[:, :, None] - q[:, None]
    d2 = _distances(q)
    crowd = torch.exp(-d2).sum(2)
    strength = (d2 + 0.1) ** -1.5 * (1 + 0.01 * crowd[:, :, None] * crowd[:, None])
    return 2 * (delta * strength[..., None]).sum(2)


def hard_cutoff(q: Tensor) -> Tensor:
    """Pairs beyond 1.3 are left out."""
    d2 = _distances(q)
    return (torch.exp(-d2) * (d2 < 1.69)).sum((1, 2))


def frame_by_argmax(q: Tensor) -> Tensor:
    """Coordinates in the frame of the farthest body from the centre: invariant, and it jumps when another one is."""
    x = q - q.mean(1, keepdim=True)
    far = x.square().sum(-1).argmax(1)
    e = torch.take_along_dim(x, far[:, None, None], 1)
    along = (x * e).sum(-1) / e.norm(dim=-1)
    return (along**2 + 0.3 * along**3).sum(1)


class ForgottenField(nn.Module):
    """Dipoles in a field that is given; a part of it was copied once and stays where it was."""

    def __init__(self):
        super().__init__()
        self.register_buffer("stored", torch.tensor([0.0, 0.0, 1e-6], dtype=torch.float64))

    def forward(self, q: Tensor, field: Tensor) -> Tensor:
        x = q - q.mean(1, keepdim=True)
        return pair_potential(q) + (x @ (field + self.stored)[..., None]).square().sum((1, 2))


class BatchNormalised(nn.Module):
    """Distances are normalised over the batch."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(1, dtype=torch.float64)

    def forward(self, q: Tensor) -> Tensor:
        d2 = _distances(q)
        return torch.tanh(self.norm(d2.reshape(-1, 1)).view_as(d2)).sum((1, 2))


def order_dependent(q: Tensor) -> Tensor:
    """The first pair counts a little more."""
    d2 = _distances(q)
    return torch.exp(-d2).sum((1, 2)) + 1e-8 * d2[:, 0, 1]


def padding_leak(q: Tensor, mask: Tensor) -> Tensor:
    """The sum is masked, the mean it is divided by is not."""
    real = (mask[:, :, None] & mask[:, None]).to(q.dtype)
    return (torch.exp(-_distances(q)) * real).sum((1, 2)) / q.shape[1]


class DropoutLeftOn(nn.Module):
    """In training mode."""

    def __init__(self):
        super().__init__()
        self.drop = nn.Dropout(0.01)

    def forward(self, q: Tensor) -> Tensor:
        return self.drop(torch.exp(-_distances(q))).sum((1, 2))


def handed(q: Tensor) -> Tensor:
    """A weak triple product of three moments of the cloud: rotations and permutations keep it, mirror images do not."""
    x = q - q.mean(1, keepdim=True)
    r = x.square().sum(-1, keepdim=True)
    moments = torch.stack([(torch.exp(-r / k) * x).sum(1) for k in (1, 2, 4)], 1)
    return pair_potential(q) + 1e-6 * torch.linalg.det(moments)


def absolute_position(q: Tensor) -> Tensor:
    """A trap at the origin, a millionth as strong as the pairs."""
    return pair_potential(q) + 1e-6 * q.square().sum((1, 2))


def cast_to_float32(q: Tensor) -> Tensor:
    """Differences are right, sums are taken in float32."""
    return torch.exp(-_distances(q).float()).sum((1, 2)).to(q.dtype)


FIELD = {"inputs": {"field": torch.tensor([0.3, -0.2, 0.9], dtype=torch.float64)}, "moves": {"field": "vector"}}
FAULTS = {
    "rotated force": (rotated_force, {"kind": "force"}, "net torque"),
    "non-gradient force": (curling_force, {"kind": "force"}, "force = -∇V: Jacobian"),
    "hard cutoff": (hard_cutoff, {}, "continuity"),
    "frame picked by argmax": (frame_by_argmax, {}, "continuity"),
    "forgotten side input": (ForgottenField(), FIELD, "invariance"),
    "batch leak": (BatchNormalised().train(), {}, "batch mates"),
    "order dependence": (order_dependent, {}, "order of bodies"),
    "padding leak": (padding_leak, {}, "padding"),
    "dropout left on": (DropoutLeftOn().train(), {}, "determinism"),
    "mirror image": (handed, {"group": "E(3)"}, "invariance"),
    "absolute position": (absolute_position, {}, "invariance"),
    "float32 cast": (cast_to_float32, {}, "precision"),
}
"""Name → the model, what the audit is told beside the group SE(3), and the check that must find it."""

CHARGE = {"inputs": {"charge": torch.tensor([1.0, -1.0, 1.0, 0.5, 2.0], dtype=torch.float64)}}
SOUND = {
    "pair potential": (pair_potential, {"group": "E(3)", "force": pair_force}),
    "pair force": (pair_force, {"kind": "force"}),
    "Lennard-Jones": (lennard_jones, {"group": "E(3)"}),
    "Gram matrix network": (GramNetwork(), {"group": "E(3)"}),
    "E(n) graph network": (GraphNetwork(), {"group": "E(3)", **CHARGE}),
}
