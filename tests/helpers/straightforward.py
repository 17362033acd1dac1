"""The paper's network and its training step as their equations read, without a shortcut: the slow side of fast against
slow. Every layer looks at all n² pairs anew, gathers its neighbours, and H is integrated by torchdiffeq's rk4."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn.functional import silu
from torchdiffeq import odeint

from lieham.lift import NearPairs
from lieham.models.potential import LieConvPotential
from lieham.nn import LieConv
from lieham.state import Bodies, Trajectory

NearConvolution = Callable[[LieConv, NearPairs, torch.Tensor, torch.Tensor], torch.Tensor]
"""A layer, the chosen pairs, its kernel's outputs (t, K, k) or (b, t, K, k), and values (b, m, c) to (b, t, c)."""

Convolution = Callable[[LieConv, torch.Tensor, torch.Tensor], torch.Tensor]
"""A layer, its kernel's outputs (b, n, n, k) and values (b, n, c) to (b, n, c)."""


def literal(conv: LieConv, kernel: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """h_i = Σ_j K(a_ij) f_j with the matrices K(a_ij) = Σ_k kernel_ijk W_k, (b, n, n, c_in, c_out)."""
    W = conv.linear.weight.unflatten(0, (conv.kernel_dim, -1))
    return torch.einsum("bijoc,bjc->bio", torch.einsum("bijk,koc->bijoc", kernel, W), values) + conv.bias


def gathered(conv: LieConv, kernel: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The same by the PointConv trick as the paper has it: neighbours' values times the kernel, then one product."""
    b, n, c = values.shape
    index = torch.arange(n, device=values.device).expand(b, n, n)
    near = values.gather(1, index.reshape(b, n * n, 1).expand(b, n * n, c)).view(b, n, n, c)
    W = conv.linear.weight.unflatten(0, (conv.kernel_dim, -1)).permute(1, 2, 0).flatten(1)
    return (near.mT @ kernel).flatten(-2) @ W.T + conv.bias


def potential(model: LieConvPotential, q: torch.Tensor, bodies: Bodies, convolve: Convolution) -> torch.Tensor:
    """V of a network of `PaperBlock`s with PointLift(bases=0), q and bodies with one batch axis."""
    network, x = model.network, q / model.length
    real = bodies.mask.to(q.dtype)
    values = network.embed(model.seen(bodies))
    for block in network.blocks:
        a = network.lift.group.pair_coordinates(x.unsqueeze(2).expand(-1, -1, x.shape[1], -1), x.unsqueeze(1))
        net = block.conv.kernel
        kernel = (net.skip(a) + net.wide(a) + net.mlp(a)) * (real[:, :, None] * real[:, None, :])[..., None]
        values = values + block.outward(silu(convolve(block.conv, kernel, silu(block.inward(silu(values))))))
    return model.energy * (network.readout(values)[..., 0] * real).sum(-1)


def _each(pairs: NearPairs, kernel: torch.Tensor, values: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Weight (b, t, K), kernel (b, t, K, k) and the neighbours' values (b, t, K, c), each cloud with its own."""
    b = len(values)
    weight, kernel, index = (x.expand(b, *x.shape[-d:]) for x, d in ((pairs.weight, 2), (kernel, 3), (pairs.index, 2)))
    place = index.flatten(1)[..., None].expand(-1, -1, values.shape[-1])
    return weight, kernel, values.gather(1, place).unflatten(1, index.shape[1:])


def near_literal(conv: LieConv, pairs: NearPairs, kernel: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """h_i = (1/K_i) Σ_j K(a_ij) f_j over the neighbours j of i, with a matrix (c_in, c_out) for each pair."""
    weight, kernel, near = _each(pairs, kernel, values)
    W = conv.linear.weight.unflatten(0, (conv.kernel_dim, -1))
    matrices = torch.einsum("bijk,koc->bijoc", kernel, W)
    return torch.einsum("bij,bijoc,bijc->bio", weight, matrices, near) + conv.bias


def near_gathered(conv: LieConv, pairs: NearPairs, kernel: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """The same by the PointConv trick as the paper has it, the neighbours gathered cloud by cloud."""
    weight, kernel, near = _each(pairs, kernel, values)
    W = conv.linear.weight.unflatten(0, (conv.kernel_dim, -1)).permute(1, 2, 0).flatten(1)
    return (near.mT @ (kernel * weight[..., None])).flatten(-2) @ W.T + conv.bias


def loss(model, windows: Trajectory, scale_q, scale_p, convolve: Convolution) -> torch.Tensor:
    """`ShootingLoss` over whole windows, which share their steps, by rk4 and `torch.autograd.grad`."""
    bodies = windows.bodies

    def field(t: torch.Tensor, state: tuple[torch.Tensor, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        q, p = (x if x.requires_grad else x.requires_grad_() for x in state)
        kinetic = (p.square().sum(-1) / (2 * bodies.mass)).sum()
        energy = kinetic + potential(model.potential, q, bodies, convolve).sum()
        dq, dp = torch.autograd.grad(energy, (q, p), create_graph=True)
        return dp, -dq

    start = windows.q[:, 0].clone(), windows.p[:, 0].clone()
    path = odeint(field, start, windows.times[0] - windows.times[0, 0], method="rk4")
    q, p = (x[1:].movedim(0, 1) for x in path)
    error = ((q - windows.q[:, 1:]) / scale_q).square() + ((p - windows.p[:, 1:]) / scale_p).square()
    return error.mean()
