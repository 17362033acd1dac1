"""The lists that laws are tested over: adding to a list adds its tests. And the table of tolerances."""

from __future__ import annotations

from functools import partial

import torch

from lieham.data import CloudDataset, Dataset, PointClouds
from lieham.groups import CustomGroup, Group, Translation, Trivial, make_group
from lieham.groups.algebra import contains
from lieham.integrate import INTEGRATORS as METHODS
from lieham.integrate import make_integrator
from lieham.models import CloudModel, HLieConv, LieConvClassifier, LieConvRegressor
from lieham.nn import MaskedBatchNorm
from lieham.state import Bodies, Trajectory
from lieham.training import Trainer
from lieham.training.tasks import task_for
from lieham.training.trainer import refuse
from systems import Bending, Coulomb, Gravity, LennardJones, Morse, Planets, Springs, Yukawa

TOLERANCE = {torch.float64: 1e-12, torch.float32: 1e-4}
"""What a sum of hundreds of terms of order 1 may lose: some thousand times the unit round-off, 1.1e-16 and 6.0e-8."""

DTYPES = list(TOLERANCE)

GROUPS = [
    make_group(name)
    for name in (
        *("Trivial(1)", "Trivial(2)", "Trivial(3)", "T(1)", "T(2)", "T(3)"),
        *("SO(2)", "SO(3)", "SE(2)", "SE(3)"),
        *("O(1)", "O(2)", "O(3)", "E(1)", "E(2)", "E(3)", "SO(4)", "E(4)"),
        *("R*(2)", "R*(3)", "R*SO(2)", "Sq(2)", "R*Sq(2)"),
        *("SO(2)xT(1)", "SE(2)xTrivial(1)", "Trivial(2)xT(1)", "SO(2)xTrivial(1)", "Helical(0.7)"),
        *("O(2)xT(1)", "E(2)xT(1)", "Trivial(1)xO(1)"),
    )
]
"""Every group in the dimensions that the library is used in, and rigid motions in a fourth."""


def outside(group: Group) -> list[torch.Tensor]:
    """Motions (d+1, d+1) of points that are not in the group: a scaling, a shift, a turn, a squeeze, a mirror image."""
    d = group.space_dim
    one = torch.eye(d, dtype=torch.float64)
    axis, turn, squeeze = one[-1], torch.zeros_like(one), torch.zeros_like(one)
    candidates = [(one, 0 * axis), (0 * one, axis)]
    if d > 1:
        turn[0, 1], turn[1, 0] = -1.0, 1.0
        squeeze[0, 0], squeeze[1, 1] = 1.0, -1.0
        candidates += [(turn, 0 * axis), (squeeze, 0 * axis)]
    found = []
    for A, b in candidates:
        asked = CustomGroup("asked", A[None], b[None], pair_coordinates=lambda x, y: x)
        if not contains(group, asked).item():
            found.append(asked.exp(torch.tensor([0.4], dtype=torch.float64)))
    if isinstance(group, (Translation, Trivial)):
        mirror = torch.eye(d + 1, dtype=torch.float64)
        mirror[0, 0] = -1
        found.append(mirror)
    return found


INTEGRATORS = [make_integrator(name) for name in METHODS]
"""Every registered integrator with its default settings."""

_LIKE_OTHERS = ("O(1)", "O(3)", "E(1)", "E(3)", "SO(4)", "E(4)", "O(2)xT(1)", "E(2)xT(1)", "Trivial(1)xO(1)")
"""The default lift sees with these groups what it sees with SO(3), SE(3) and others."""
_RIGID = ("E(1)", "SE(2)", "SE(3)", "E(3)")
MODELS = {
    **{f"{group} gated": (group.name, {}) for group in GROUPS if group.name not in _LIKE_OTHERS},
    **{f"{name} deep": (name, {"blocks": 2}) for name in ("Trivial(2)", "T(2)", "SO(2)", "SE(2)")},
    **{f"{name} paper": (name, {"blocks": 2, "block": "paper"}) for name in ("T(2)", "SO(3)", "SE(2)", "SE(3)")},
    **{f"{name} tensors": (name, {"lift": {"kind": "tensor", "level": 4}}) for name in _RIGID},
    "SE(3) tensors of four bodies": ("SE(3)", {"lift": {"kind": "tensor", "order": 4, "level": 3}}),
    "SE(3) tensors near": ("SE(3)", {"lift": {"kind": "tensor", "level": 4}, "radius": 2.5}),
    **{f"{name} near": (name, {"radius": 2.5}) for name in ("Trivial(2)", "T(2)", "SO(2)", "SE(2)", "SO(2)xT(1)")},
    "SE(3) near, by fill": ("SE(3)", {"fill": 0.4}),
}
"""Every group with its exact lifts, whole neighbourhoods and near ones, blocks of both kinds, one and two of them."""

_DRAWN = ("SE(2)", "SO(3)", "SE(3)", "SE(2)xT(1)", "O(2)")
SAMPLED = {f"{group} sampled": (group, {"lift": "sampled"}) for group in _DRAWN}
"""Models whose symmetry holds on average alone."""

_FREE = ("Trivial(2)", "T(2)", "T(1)xTrivial(1)", "SO(2)", "R*SO(2)", "R*(2)", "T(3)", "Trivial(3)")
_NEAR = {"most": 4, "fill": 0.6}
CLOUD_MODELS = {
    **{f"{group}, all pairs": (group, {}) for group in (*_FREE, "SE(2)", "SO(3)", "SE(3)")},
    **{f"{group}, in balls": (group, _NEAR | {"keep": 0.5}) for group in (*_FREE, "SE(2)", "SO(3)", "SE(3)")},
    **{f"{group}, distances": (group, {"lift": {"kind": "coset", "own": True}}) for group in ("SE(2)", "SE(3)")},
    **{f"{group}, distances near": (group, _NEAR | {"lift": "coset", "keep": 0.5}) for group in ("SE(2)", "SE(3)")},
    **{f"{group}, nearest": (group, {"most": 4, "nearest": True}) for group in ("T(2)", "SO(2)", "R*SO(2)", "SE(3)")},
    "SO(2), in balls, along the group": ("SO(2)", _NEAR | {"alpha": 1.0}),
    "SE(2), in balls, wider and wider": ("SE(2)", _NEAR | {"growth": 2.0, "keep": 0.4}),
    "T(3), nearest, without a norm": ("T(3)", {"most": 4, "nearest": True, "keep": 0.5, "norm": False}),
    "SE(3), a sum": ("SE(3)", {"mean": False}),
    "T(3), in balls, a sum": ("T(3)", _NEAR | {"keep": 0.5, "mean": False}),
    "T(2), in balls, gated": ("T(2)", _NEAR | {"block": "gated", "keep": 0.5, "growth": 2.0}),
    "SE(3), gated, without a norm": ("SE(3)", {"block": "gated", "norm": False}),
    "SE(2), nearest, wider and wider": ("SE(2)", {"most": 4, "nearest": True, "growth": 2.0}),
    "SE(3), a cutoff, a sum": ("SE(3)", {"lift": {"kind": "tensor", "fill": 0.6}, "mean": False}),
    "SE(3), without a norm": ("SE(3)", {"norm": False}),
    **{f"{group}, all pairs": (group, {}) for group in ("E(2)", "E(3)")},
    **{f"{group}, in balls": (group, _NEAR | {"keep": 0.5}) for group in ("O(2)",)},
}
"""Classifiers (in the plane) and regressors (in space) of every group with an exact lift, over all pairs and not."""

CLOUD_SAMPLED = {
    **{f"{group}, sampled": (group, {"lift": "sampled"}) for group in ("SE(2)", "SO(3)", "SE(3)")},
    **{f"{group}, sampled, in balls": (group, _NEAR | {"lift": "sampled"}) for group in ("SE(2)", "SE(3)")},
    "SE(2), sampled, few are left": ("SE(2)", _NEAR | {"lift": "sampled", "keep": 0.5}),
}
"""Those whose symmetry holds on average alone."""

SYSTEMS = {
    "springs 2-D": Springs(6, 2),
    "springs 3-D": Springs(6, 3),
    "one spring body": Springs(1, 2),
    "two spring bodies": Springs(2, 3),
    "springs with a rest length": Springs(6, 2, rest_length=1.0),
    "springs 3-D with a rest length": Springs(2, 3, rest_length=0.7),
    "springs with centred momenta": Springs(6, 2, centred_momenta=True),
    "gravity 2-D": Gravity(6, 2),
    "gravity 3-D": Gravity(6, 3),
    "one star": Gravity(1, 2),
    "gravity of equal masses": Gravity(5, 2, equal_masses=True),
    "planets 2-D": Planets(4, 2),
    "planets 3-D": Planets(3, 3),
    "coulomb 2-D": Coulomb(6, 2),
    "coulomb 3-D": Coulomb(5, 3, k=0.7),
    "yukawa 2-D": Yukawa(6, 2),
    "lennard-jones 2-D": LennardJones(6, 2),
    "lennard-jones 3-D": LennardJones(5, 3),
    "morse 2-D": Morse(6, 2),
    "morse 3-D": Morse(5, 3),
    "bending 2-D": Bending(4, 2),
    "bending 3-D": Bending(5, 3, k=0.5, strength=-3.0, sigma=0.7),
}
"""Every law in the dimensions, sizes and options that it has."""


def randomise(model, seed=0, scale=0.3):
    """Give every weight a random value; a fresh kernel network ends in zeros, which would hide half of the model."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            weight.copy_(scale * torch.randn(weight.shape, generator=generator, dtype=torch.float64).to(weight.dtype))
    return model


def make_model(name: str, dtype: torch.dtype = torch.float64) -> HLieConv:
    """The model of that name in MODELS or SAMPLED: two features a body, random weights, and units that are not 1."""
    group, settings = (MODELS | SAMPLED)[name]
    model = randomise(HLieConv(group, 2, width=16, dtype=dtype, **settings))
    q, p, bodies = cloud(model.group.space_dim, seed=7, dtype=dtype)
    times = torch.arange(2, dtype=dtype)
    model.calibrate(Trajectory.of(times, torch.stack([q, q], 1), torch.stack([p, 0.5 * p], 1), bodies))
    return model


def cloud(dim: int, n: int = 5, batch: int = 3, seed: int = 0, dtype: torch.dtype = torch.float64):
    """Positions and momenta (batch, n, dim) and bodies with masses from 1 to 3 and two features."""
    generator = torch.Generator().manual_seed(seed)
    q, p = torch.randn(2, batch, n, dim, generator=generator, dtype=torch.float64).to(dtype)
    mass = 1 + 2 * torch.rand(batch, n, generator=generator, dtype=torch.float64).to(dtype)
    features = torch.randn(batch, n, 2, generator=generator, dtype=torch.float64).to(dtype)
    return q, p, Bodies.of(mass, features)


def clouds(dim: int, k: int = 4, n: int = 9, seed: int = 0, dtype: torch.dtype = torch.float64) -> PointClouds:
    """Ragged clouds of n, n − 2, n, n − 2, ... points with two features, and a class or, in space, a number of each."""
    generator = torch.Generator().manual_seed(seed)
    points = torch.randn(k, n, dim, generator=generator, dtype=torch.float64).to(dtype)
    features = torch.randn(k, n, 2, generator=generator, dtype=torch.float64).to(dtype)
    mask = torch.arange(n) < n - 2 * (torch.arange(k) % 2)[:, None]
    targets = torch.arange(k) % 3 if dim == 2 else torch.randn(k, generator=generator, dtype=torch.float64).to(dtype)
    return PointClouds.of(points, features, targets, mask)


def make_cloud_model(name: str, dtype: torch.dtype = torch.float64, **settings) -> CloudModel:
    """The model of that name in CLOUD_MODELS or CLOUD_SAMPLED, in eval, calibrated on `clouds`: random weights, and
    norms that have seen other clouds."""
    group, own = (CLOUD_MODELS | CLOUD_SAMPLED)[name]
    dim = make_group(group).space_dim
    kind = LieConvClassifier if dim == 2 else LieConvRegressor
    sizes = {"width": 16, "blocks": 2, "kernel_dim": 4}
    model = randomise(kind(group, 2, dtype=dtype, **sizes | own | settings), seed=3, scale=0.4)
    model.calibrate(clouds(dim, k=8, seed=7, dtype=dtype))
    generator = torch.Generator().manual_seed(4)
    for norm in (part for part in model.modules() if isinstance(part, MaskedBatchNorm)):
        mean, variance = torch.rand(2, len(norm.mean), generator=generator, dtype=torch.float64)
        norm.mean.copy_(2 * mean - 1), norm.variance.copy_(0.5 + variance)
    return model.eval()


def trainer_of(model, train, validation, config, stop=lambda: False) -> Trainer:
    """The Trainer that `fit` makes of a model and two splits, after the task has chosen the model's lift."""
    data = (CloudDataset if isinstance(train, PointClouds) else Dataset)(train=train, val=validation)
    task = task_for(model, data)(model, data, config, partial(refuse, stop))
    chosen = task.choose(model)
    if chosen is not model:
        model.adopt(chosen)
    return Trainer(model, task, config, stop)
