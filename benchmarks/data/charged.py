"""Charged bodies in space as the published data have them, and the laws that are closest to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import torch

from lieham.integrate import Field
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor
from systems import ChargedParticles
from systems.laws.base import SystemField
from systems.laws.pairs import inverse_length

STEP, STEPS_A_FRAME = 1e-3, 100
FIRST, LAST = 30, 40
CLIP = 0.1 / STEP
"""Largest component of a force in the published data."""
CLOSE = 0.1
"""Distance below which a pair meets: where the force is clipped."""
SUBSTEPS = 100
"""Steps of Yoshida-4 between two frames."""


@lru_cache(maxsize=2)
@torch.no_grad()
def simulate(n: int, seed: int, until: int = LAST) -> tuple[Trajectory, Float[Tensor, " n"]]:
    """Frames 0 to `until` of `n` systems, 0.1 apart, and the least distance of two bodies after `FIRST`.

    Leapfrog with clipped forces, as the data of Satorras et al. 2021 (arXiv 2102.09844) are made: the momenta of a
    frame are those half a step before its positions.
    """
    law = ChargedParticles()
    (q, p), bodies = law.sample(n, torch.Generator().manual_seed(seed))
    force, (i, j) = law.force(bodies), torch.triu_indices(law.n_bodies, law.n_bodies, 1)
    p, closest, frames = p + STEP * force(q).clamp(-CLIP, CLIP), q.new_full((n,), torch.inf), []
    for step in range(1, (until + 1) * STEPS_A_FRAME + 1):
        q = q + STEP * p
        if step % STEPS_A_FRAME == 0:
            frames.append(PhaseState(q, p))
        if step > (FIRST + 1) * STEPS_A_FRAME:
            closest = torch.minimum(closest, (q[:, i] - q[:, j]).norm(dim=-1).amin(-1))
        p = p + STEP * force(q).clamp(-CLIP, CLIP)
    times = STEP * STEPS_A_FRAME * torch.arange(1, until + 2, dtype=q.dtype)
    q, p = (torch.stack(x, 1) for x in zip(*frames, strict=True))
    return Trajectory.of(times, q, p, bodies), closest


class Clipped(SystemField):
    """The law as the data have it: every component of a body's force is clipped to ±`CLIP`."""

    def force(self, t: Tensor, q: Tensor) -> Tensor:
        return super().force(t, q).clamp(-CLIP, CLIP)


class ClippedPairs(ChargedParticles):
    """The law with the force of every pair clipped to `CLIP`: as near to the data as a potential of pairs can be."""

    def tension(self, d2: Tensor) -> Tensor:
        return torch.maximum(super().tension(d2), -CLIP * inverse_length(d2))


LAWS: dict[str, tuple[Callable[[Bodies], Field], int]] = {
    "true law, not clipped": (ChargedParticles().field, SUBSTEPS),
    "true law, pairs clipped": (ClippedPairs().field, SUBSTEPS),
    "true law, clipped as the data": (partial(Clipped, ChargedParticles()), SUBSTEPS),
    "the same, 10 steps a frame": (partial(Clipped, ChargedParticles()), 10),
}
"""The laws that are scored without training: a field and its steps of Yoshida-4 between two frames."""
