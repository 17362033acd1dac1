"""Physics: the default is never worse than the regression alone, on laws of pairs and on one of a chain."""

from __future__ import annotations

import pytest
import torch

from lieham import HLieConv
from lieham.data import Dataset
from lieham.dynamics import SeparableHamiltonian
from lieham.integrate import integrate
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.training import fit

pytestmark = pytest.mark.slow
D = torch.float64
COUNT = 90


def _pairs(q):
    i, j = torch.triu_indices(q.shape[-2], q.shape[-2], 1)
    return i, j, (q[..., i, :] - q[..., j, :]).square().sum(-1)


def springs(q, bodies):
    """V = 4/n² Σ k_i k_j r²/2."""
    i, j, squared = _pairs(q)
    k = bodies.features[..., 0]
    return (2 / q.shape[-2] ** 2 * k[..., i] * k[..., j] * squared).sum(-1)


def logarithmic(q, bodies):
    """V = Σ m_i m_j log r, softened by 0.1."""
    i, j, squared = _pairs(q)
    return (bodies.mass[..., i] * bodies.mass[..., j] * (squared + 0.01).log() / 2).sum(-1)


def chain(q, bodies):
    """V = Σ (x − 1)²/2 + (x − 1)⁴/10 of neighbours in the order of the bodies, which no function of all pairs is."""
    stretch = q.diff(dim=-2)[..., 0] - 1
    return (stretch.square() / 2 + stretch**4 / 10).sum(-1)


def observed(potential, seed: int) -> Dataset:
    generator = torch.Generator().manual_seed(seed)
    n, d = (6, 1) if potential is chain else (4, 2)
    q, p = (torch.randn(COUNT, n, d, generator=generator, dtype=D) for _ in range(2))
    mass = 0.5 + torch.rand(COUNT, n, generator=generator, dtype=D)
    features = 5 * torch.rand(COUNT, n, 1, generator=generator, dtype=D) if potential is springs else None
    if potential is chain:
        number = torch.arange(n, dtype=D)[:, None]
        q, features = number + 0.3 * q, (number / 5).expand(COUNT, n, 1)
    bodies = Bodies.of(mass, features)
    times = 0.05 * torch.arange(20, dtype=D)
    field = SeparableHamiltonian(potential).field(bodies)
    x = Trajectory.of(times, *integrate(field, PhaseState(q, 0.5 * p), times, "yoshida6", substeps=16), bodies)
    return Dataset(train=x[:60], val=x[60:])


@pytest.mark.filterwarnings("ignore::lieham.errors.LiehamWarning")
@pytest.mark.parametrize("potential", [springs, logarithmic, chain], ids=lambda x: x.__name__)
def test_the_default_is_not_worse_than_the_regression_alone(potential):
    data = observed(potential, 0)
    group = "T(1)" if data.dim == 1 else "SE(2)"
    alone, whole = (
        fit(HLieConv(group, data.n_features, width=16), data, **settings)
        for settings in ({"steps": 0, "refine": 0}, {"steps": 150, "refine": 50})
    )
    for name in ("median", "trimmed"):
        ridge, default = (x.baselines["scores"]["model"][name] for x in (alone, whole))
        assert default <= ridge * (1 + 1e-9) or default < 1e-12, name
