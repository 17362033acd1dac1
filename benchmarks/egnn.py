"""Charged bodies in space, the published protocol: positions from frame 30 to frame 40, encounters and all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import lru_cache, partial

import torch

from benchmarks.figures import finite
from benchmarks.models import models
from benchmarks.published import EGNN
from benchmarks.sizes import Given, Size
from benchmarks.tables import grouped, markdown, middle, number, seconds, spread
from lieham import fit
from lieham.data import Dataset
from lieham.integrate import Field, make_integrator
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor
from systems import ChargedParticles
from systems.base import SystemField
from systems.pairs import inverse_length

STEP, STEPS_A_FRAME = 1e-3, 100
FIRST, LAST = 30, 40
CLIP = 0.1 / STEP
"""Largest component of a force in the published data."""
CLOSE = 0.1
"""Distance below which a pair meets: where the force is clipped."""
SUBSTEPS = 100
"""Steps of Yoshida-4 between two frames."""
WINDOWS = 4
"""Windows for each training trajectory: of 41 frames there are 10 that do not overlap."""
FREE = "free flight"

SIZES = {
    "tiny": Size((20,), models=("lieham",), laws=("charged-particles",), share=0.004, n_test=6),
    "quick": Size((1_000,), models=("lieham",), laws=("charged-particles",), share=0.02, n_test=500),
    "full": Size((3_000,), (0, 1, 2), ("lieham",), ("charged-particles",), share=0.02, n_test=2_000),
}


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


def run(given: Given) -> None:
    """Train on all frames up to the last, score from frame 30 on; the floors too."""
    n_test = given.size.n_test
    law, protocol = ChargedParticles(), {"n_test": n_test, "substeps": SUBSTEPS, "frames": [FIRST, LAST]}
    test, closest = simulate(n_test, 1)
    for _, name, n, seed in given.runs():
        entry = models()[name]
        model, config = entry.make(law, 1, seed), entry.training(n, seed)
        config = type(config)(**asdict(config) | {"steps": 1, "refine": 0, "refine_windows": WINDOWS * n})

        def trained(model=model, config=config, n=n, seed=seed) -> dict:
            history = fit(model, Dataset(train=simulate(n, 2 + seed)[0]), config=config)
            return {"seconds": history.seconds} | score(model.field(test.bodies), test, closest)

        own = {"law": law.name, "model": name, "n_train": n, "seed": seed}
        settings = own | {"benchmark": "egnn", "training": asdict(config), "protocol": protocol}
        result = given.records.once(settings, lambda own=own, train=trained: own | {"failed": None} | train())
        given.say(f"{name}, n_train={n}, seed={seed}: position MSE {number(result['mse_mean'])}")
    for name in (FREE, *LAWS):
        own = {"law": law.name, "model": name, "n_train": 0, "seed": 0, "seconds": 0.0, "failed": None}
        settings = own | {"benchmark": "egnn", "protocol": protocol}
        given.records.once(settings, lambda own=own, name=name: own | _floor(name, test, closest))


class Clipped(SystemField):
    """The law with what the data do to it: every component of a body's force within ±`CLIP`."""

    def force(self, t: Tensor, q: Tensor) -> Tensor:
        return super().force(t, q).clamp(-CLIP, CLIP)


class ClippedPairs(ChargedParticles):
    """The forces of pairs within `CLIP`: what the data hold, as nearly as a potential of pairs can."""

    def tension(self, d2: Tensor) -> Tensor:
        return torch.maximum(super().tension(d2), -CLIP * inverse_length(d2))


LAWS: dict[str, tuple[Callable[[Bodies], Field], int]] = {
    "true law, not clipped": (ChargedParticles().field, SUBSTEPS),
    "true law, pairs clipped": (ClippedPairs().field, SUBSTEPS),
    "true law, clipped as the data": (partial(Clipped, ChargedParticles()), SUBSTEPS),
    "the same, 10 steps a frame": (partial(Clipped, ChargedParticles()), 10),
}
"""What is scored without training: a field and its steps of Yoshida-4 between two frames."""


def score(field: Field, test: Trajectory, closest: Tensor, substeps: int = SUBSTEPS) -> dict:
    """Position MSE at the last frame from the first: over all systems, and over those without an encounter."""
    window = test.window(FIRST, LAST - FIRST + 1)
    with torch.no_grad():
        path = make_integrator("yoshida4", substeps=substeps).integrate(field, window.state(0), window.times)
    return _figures((path.q[:, -1] - window.q[:, -1]).square().mean((-1, -2)), closest)


def _figures(error: Float[Tensor, " n"], closest: Tensor) -> dict:
    free = closest > CLOSE
    parts = {"mse": error, "free": error[free]}
    figures = {f"{name}_mean": finite(x.mean().item()) for name, x in parts.items()}
    medians = {f"{name}_median": finite(x.median().item()) for name, x in parts.items()}
    return figures | medians | {"encounters": 1 - free.double().mean().item()}


def _floor(name: str, test: Trajectory, closest: Tensor) -> dict:
    if name in LAWS:
        field, substeps = LAWS[name]
        return score(field(test.bodies), test, closest, substeps)
    span = test.times[0, LAST] - test.times[0, FIRST]
    flown = test.q[:, FIRST] + span * test.p[:, FIRST]
    return _figures((flown - test.q[:, LAST]).square().mean((-1, -2)), closest)


def table(results: Sequence[dict]) -> str:
    """A row for each model, with quartiles over seeds; published means below."""
    head = ["model", "n_train", "seeds", "seconds", "mean", "median", "no encounter: mean", "median"]
    rows = []
    for (_, model, n), runs in sorted(grouped(results).items(), key=lambda x: -x[0][2]):
        names = ("mse_mean", "mse_median", "free_mean", "free_median")
        figures = [spread(middle(runs, x)) for x in names]
        rows.append([model, str(n or "-"), str(len(runs)), seconds(runs), *figures])
    return markdown(head, rows + [[f"{x} (published)", "3000", "-", "-", number(e), *"---"] for x, e in EGNN.items()])
