"""Springs between all pairs: the benchmark of Finzi et al. 2020 (arXiv 2002.12880), and its variants."""

from __future__ import annotations

from math import inf

import torch

from lieham.errors import expected
from lieham.state import Bodies, PhaseState
from lieham.typing import Float, Tensor
from systems.laws.base import Force, System
from systems.laws.draws import normal, uniform
from systems.laws.pairs import length, pair_weights


class Springs(System):
    """V = ½ Σ_{i≠j} k_i k_j (|q_i − q_j| − r)² over ordered pairs; unit-less; the feature of a body is k.

    Masses are 3u + 0.1 and k = 5u with u uniform in [0, 1), q₀ = 0.4 N(0, 1), p₀ = 0.6 N(0, 1), and the times are
    linspace(0, 5, 500). Without a rest length the motion is linear and `solve` is exact. With one, the force between
    bodies at one point is taken as 0. As published, momenta are centred over the *systems* of a draw, so a draw of one
    starts at rest. The truth of `benchmark` is torchdiffeq's rk4 on the grid, as in the original; with a rest length
    it is `solve`.

    Args:
        n_bodies: the number of bodies.
        dim: the dimension of space, 2 or 3.
        rest_length: the length r at which a spring pulls no body.
        centred_momenta: centre the momenta over the bodies of each system, so that P = 0.

    Raises:
        InputError: a setting is out of its range.

    Example:
        >>> import torch
        >>> law = Springs(n_bodies=3)
        >>> state, bodies = law.sample(2, torch.Generator().manual_seed(0))
        >>> path = law.solve(state, bodies, law.times(50))
        >>> tuple(path.q.shape)
        (2, 50, 3, 2)
        >>> energy = law.hamiltonian().energy(path, bodies.over_time())
        >>> bool((energy - energy[:, :1]).abs().max() < 1e-12 * energy.max())
        True
    """

    name = "springs"
    truth = "rk4"

    def __init__(self, n_bodies: int = 6, dim: int = 2, *, rest_length: float = 0.0, centred_momenta: bool = False):
        super().__init__(n_bodies, dim)
        if not 0 <= rest_length < inf:
            raise expected("rest_length", "finite and at least 0", rest_length)
        self.rest_length, self.centred_momenta = rest_length, centred_momenta
        if rest_length:
            self.truth = "exact"

    @property
    def parameters(self) -> dict:
        return {"rest_length": self.rest_length, "centred_momenta": self.centred_momenta}

    def potential(self, q: Tensor, bodies: Bodies) -> Tensor:
        d2 = (q.unsqueeze(-2) - q.unsqueeze(-3)).square().sum(-1)
        stretch = d2
        if self.rest_length:
            stretch = (length(d2) - self.rest_length).square()
        return 0.5 * (pair_weights(bodies.features[..., 0], bodies) * stretch).sum((-1, -2))

    def force(self, bodies: Bodies) -> Force:
        weight = 2 * pair_weights(bodies.features[..., 0], bodies)
        if not self.rest_length:
            laplacian = weight - torch.diag_embed(weight.sum(-1))
            return lambda q: laplacian @ q

        def force(q: Tensor) -> Tensor:
            delta = q.unsqueeze(-2) - q.unsqueeze(-3)
            d2 = delta.square().sum(-1)
            pull = torch.where(d2 > 0, 1 - self.rest_length / length(d2), torch.zeros_like(d2))
            return -((weight * pull)[..., None] * delta).sum(-2)

        return force

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        mass = 3 * uniform(generator, n, self.n_bodies) + 0.1
        k = 5 * uniform(generator, n, self.n_bodies)
        q = 0.4 * normal(generator, n, self.n_bodies, self.dim)
        p = 0.6 * normal(generator, n, self.n_bodies, self.dim)
        p = p - p.mean(1 if self.centred_momenta else 0, keepdim=True)
        return PhaseState(q, p), Bodies.of(mass, k[..., None])

    def solve(self, state: PhaseState, bodies: Bodies, times: Float[Tensor, "*grid time"]) -> PhaseState:
        """e^{tA} z₀ by the eigenvectors of M^{-1/2} L M^{-1/2}, in float64; with a rest length by the integrator.

        Args:
            state: initial states (*batch, n, d), at the first time.
            bodies: their bodies.
            times: (time,) or (*batch, time), in any order.

        Returns:
            States (*batch, time, n, d).
        """
        if self.rest_length:
            return super().solve(state, bodies, times)
        root = (bodies.mask * bodies.mass).double().sqrt() + (~bodies.mask).double()
        weight = 2 * pair_weights(bodies.features[..., 0].double(), bodies)
        stiffness = torch.diag_embed(weight.sum(-1)) - weight
        square, modes = torch.linalg.eigh(stiffness / (root[..., :, None] * root[..., None, :]))
        # The zero mode, the motion of the whole, comes out at ±round-off; left there, P drifts as t².
        floor = 8 * torch.finfo(square.dtype).eps * square.amax(-1, keepdim=True)
        square = torch.where(square > floor, square, torch.zeros_like(square))
        omega = square.sqrt()[..., None, :]
        t = (times - times[..., :1]).double()[..., None]
        x, y = (modes.mT @ z.double() for z in (root[..., None] * state.q, state.p / root[..., None]))
        cos, sin_over = (f.unsqueeze(-1) for f in (torch.cos(omega * t), t * torch.sinc(omega * t / torch.pi)))
        x, y = x.unsqueeze(-3), y.unsqueeze(-3)
        square = square[..., None, :, None]
        modes, root = modes.unsqueeze(-3), root[..., None, :, None]
        q = modes @ (cos * x + sin_over * y) / root
        p = modes @ (cos * y - square * sin_over * x) * root
        return PhaseState(q.to(state.q.dtype), p.to(state.p.dtype))
