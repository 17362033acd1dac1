"""Sound data of every kind, and faults that are put into them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from scipy.integrate import solve_ivp

import systems
from lieham.data import Dataset, Provenance
from lieham.dynamics import SeparableHamiltonian
from lieham.integrate import integrate
from lieham.state import Bodies, PhaseState, Trajectory

Change = Callable[[Trajectory], Trajectory]
Rate = Callable[[float, np.ndarray, np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""The acceleration of bodies at a time, with their positions, velocities, masses and charges."""


@cache
def of_law(name: str, k: int = 6, points: int = 60, **settings: object) -> Dataset:
    """Trajectories of a law in one split; it may have bodies, a dimension and other settings of its own."""
    law = systems.SYSTEMS[name](**settings)
    return Dataset(law.trajectories(k, seed=3, split="train", points=points), provenance=law.provenance())


def changed(data: Dataset, change: Change, **known: object) -> Dataset:
    """The dataset with every split changed, and with other provenance."""
    splits = {name: change(x) for name, x in data.splits.items()}
    return Dataset(**splits, provenance=data.provenance.updated(**known))


def with_(x: Trajectory, **others: torch.Tensor) -> Trajectory:
    """A trajectory with other q, p, times or masses."""
    mass = others.get("mass", x.bodies.mass)
    bodies = Bodies.of(mass, x.bodies.features, x.bodies.mask)
    return Trajectory.of(others.get("times", x.times), others.get("q", x.q), others.get("p", x.p), bodies)


def frames(x: Trajectory, chosen: torch.Tensor | slice) -> Trajectory:
    """Some of the frames, with their own times."""
    return Trajectory.of(x.times[:, chosen], x.q[:, chosen], x.p[:, chosen], x.bodies)


def noisy(data: Dataset, share: float, seed: int = 5) -> Dataset:
    """The dataset with normal noise of this share of the deviation of q and of p, said to be noisy."""
    draw = torch.Generator().manual_seed(seed)

    def change(x: Trajectory) -> Trajectory:
        q, p = (y + share * y.std() * torch.randn(y.shape, generator=draw, dtype=y.dtype) for y in (x.q, x.p))
        return with_(x, q=q, p=p)

    return changed(data, change, observed="noisy")


def positions(data: Dataset) -> Dataset:
    """The dataset as it is where momenta were not observed."""
    return changed(data, lambda x: Trajectory.from_positions(x.times, x.q, x.bodies), observed="positions")


def uneven(data: Dataset, seed: int = 0) -> Dataset:
    """Half of the frames, drawn at random."""
    draw = torch.Generator().manual_seed(seed)

    def change(x: Trajectory) -> Trajectory:
        count = x.times.shape[-1]
        return frames(x, torch.randperm(count, generator=draw)[: count // 2].sort().values)

    return changed(data, change)


def padded(data: Dataset) -> Dataset:
    """Every system with two padded bodies."""

    def change(x: Trajectory) -> Trajectory:
        q, p = (torch.nn.functional.pad(y, (0, 0, 0, 2)) for y in (x.q, x.p))
        mass = torch.nn.functional.pad(x.bodies.mass, (0, 2), value=1.0)
        features = torch.nn.functional.pad(x.bodies.features, (0, 0, 0, 2))
        mask = torch.nn.functional.pad(x.bodies.mask, (0, 2), value=False)
        return Trajectory.of(x.times, q, p, Bodies.of(mass, features, mask))

    return changed(data, change)


def moved(rate: Rate, n: int, d: int, k: int = 8, points: int = 150, step: float = 0.1, **settings: float) -> Dataset:
    """Trajectories of bodies with these accelerations, solved to 1e-10, and with random masses and charges."""
    draw = np.random.default_rng(0)
    q, v, masses, charges = [], [], [], []
    times = step * np.arange(points)
    for _ in range(k):
        m, c = draw.uniform(0.5, 1.5, n), draw.uniform(0.5, 2, n)
        if settings.get("mass"):
            m = np.full(n, settings["mass"])
        start = np.r_[
            settings.get("q", 0.7) * draw.normal(size=n * d), settings.get("v", 0.5) * draw.normal(size=n * d)
        ]

        def field(t: float, y: np.ndarray, m: np.ndarray = m, c: np.ndarray = c) -> np.ndarray:
            q, v = y.reshape(2, n, d)
            return np.concatenate([v.ravel(), rate(t, q, v, m, c).ravel()])

        y = solve_ivp(field, (0, times[-1]), start, "DOP853", times, rtol=1e-10, atol=1e-12).y.T
        q.append(y[:, : n * d].reshape(-1, n, d))
        v.append(y[:, n * d :].reshape(-1, n, d))
        masses.append(m)
        charges.append(c[:, None])
    bodies = Bodies.of(torch.tensor(np.array(masses)), torch.tensor(np.array(charges)))
    path = (torch.tensor(np.array(x)) for x in (q, v))
    return Dataset(Trajectory.from_velocities(torch.tensor(times), *path, bodies), provenance=Provenance())


def springs(t: float, q: np.ndarray, v: np.ndarray, m: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Springs of strength c_i c_j / 2 between all pairs."""
    return -0.5 * ((c[:, None] * c)[..., None] * (q[:, None] - q)).sum(1) / m[:, None]


def attraction(t: float, q: np.ndarray, v: np.ndarray, m: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Gravity, softened."""
    apart = q[None] - q[:, None]
    return (m[None, :, None] * apart / ((apart**2).sum(-1) + 0.25)[..., None] ** 1.5).sum(1)


def trap(t: float, q: np.ndarray, v: np.ndarray, m: np.ndarray, c: np.ndarray) -> np.ndarray:
    """A trap whose two axes differ."""
    return -q * np.array([1.0, 4.0])


def pendulum(t: float, q: np.ndarray, v: np.ndarray, m: np.ndarray, c: np.ndarray) -> np.ndarray:
    """A pendulum's angle."""
    return -np.sin(q)


def chain(t: float, q: np.ndarray, v: np.ndarray, m: np.ndarray, c: np.ndarray) -> np.ndarray:
    """Equal springs between neighbours in a row, whose ends are held."""
    return 3 * np.diff(np.pad(q[:, 0], 1), n=2)[:, None] / m[:, None]


LAWS: dict[str, tuple[Rate, int, int]] = {
    "springs": (springs, 3, 2),
    "attraction": (attraction, 3, 3),
    "trap": (trap, 1, 2),
    "pendulum": (pendulum, 1, 1),
    "chain": (chain, 4, 1),
}
"""Forces, with a number of bodies and a dimension."""


@cache
def sun(push: float = 0.0, eps: float = 1e-6) -> Dataset:
    """A star of mass 1 with planets of eps and 2 eps, in AU and days, all accelerated by `push` along x."""
    draw, strength, mass = np.random.default_rng(0), 2.96e-4, np.array([1.0, eps, 2 * eps])
    paths = []
    for _ in range(5):
        q, v = np.zeros((3, 3)), np.zeros((3, 3))
        for i, a in ((1, 0.7), (2, 1.2)):
            angle, speed = draw.uniform(0, 2 * np.pi), np.sqrt(strength / a) * draw.uniform(0.95, 1.05)
            q[i], v[i] = (
                (a * np.cos(angle), a * np.sin(angle), 0.02),
                (-speed * np.sin(angle), speed * np.cos(angle), 0),
            )
        q, v = (x - (mass[:, None] * x).sum(0) / mass.sum() for x in (q, v))

        def field(t: float, y: np.ndarray) -> np.ndarray:
            q, v = y.reshape(2, 3, 3)
            apart = q[None] - q[:, None]
            r = np.sqrt((apart**2).sum(-1) + np.eye(3))
            pull = strength * (mass[None, :, None] * apart / r[..., None] ** 3).sum(1)
            return np.concatenate([v.ravel(), (pull + np.array([push, 0, 0])).ravel()])

        y = solve_ivp(field, (0, 60), np.r_[q.ravel(), v.ravel()], "DOP853", np.arange(61.0), rtol=1e-12, atol=1e-15).y
        paths.append(y.T.reshape(61, 2, 3, 3))
    path = torch.tensor(np.array(paths))
    bodies = Bodies.of(torch.tensor(mass).expand(5, 3))
    times = torch.arange(61, dtype=path.dtype)
    return Dataset(Trajectory.from_velocities(times, path[:, :, 0], path[:, :, 1], bodies), provenance=Provenance())


def silicon(q: torch.Tensor, bodies: Bodies) -> torch.Tensor:
    """Silicon by Stillinger and Weber (1985, Phys. Rev. B 31, 5262): pairs and triples that end at distance 1.8."""
    r = q.unsqueeze(-3) - q.unsqueeze(-2)
    off = ~torch.eye(q.shape[-2], dtype=torch.bool)
    length = (r.square().sum(-1) + ~off).sqrt()
    inside = off & (length < 1.799)
    fade = torch.where(inside, length - 1.8, -1.0).reciprocal()
    pairs = 7.05 * (0.602 * length**-4 - 1) * fade.exp() * inside
    near = (1.2 * fade).exp() * inside
    cosine = torch.einsum("...ijx,...ikx->...ijk", r / length[..., None], r / length[..., None])
    triples = near[..., :, None] * near[..., None, :] * (cosine + 1 / 3).square() * off
    return pairs.sum((-1, -2)) / 2 + 21 / 2 * triples.sum((-1, -2, -3))


def cluster(k: int = 100) -> Dataset:
    """Clusters that fly apart, so that momenta grow along themselves, by forces of pairs and triples."""
    draw = torch.Generator().manual_seed(0)
    places = [[0, 0, 0], [1, 0, 0], [0.5, 0.87, 0], [0.5, 0.29, 0.82], [0.5, 0.29, -0.82]]
    shift, p = torch.randn(2, k, 5, 3, generator=draw, dtype=torch.float64)
    q, times = 1.12 * torch.tensor(places, dtype=torch.float64) + 0.1 * shift, 0.05 * torch.arange(20).double()
    bodies = Bodies.of(torch.ones(k, 5, dtype=torch.float64))
    path = integrate(SeparableHamiltonian(silicon).field(bodies), PhaseState(q, 0.4 * p), times, "yoshida6", substeps=8)
    return Dataset(Trajectory.of(times, path.q, path.p, bodies))
