"""An untrained model, initial states, and how forecasts are compared."""

from __future__ import annotations

import torch

from lieham.models import HLieConv
from lieham.state import Bodies, Trajectory
from systems import Springs

LAW = Springs(3, 2)
INITIAL = LAW.generate(5, 0, 0, points=4).train
STEP = LAW.end / (LAW.points - 1)


def model(dtype: torch.dtype = torch.float64, group: str = "SE(2)") -> HLieConv:
    """An untrained network whose forces are of the size of the springs'."""
    made = HLieConv(group, 1, width=8, dtype=dtype)
    made.calibrate(INITIAL)
    return made


MODEL = model()


def padded(x: Trajectory, extra: int) -> Trajectory:
    """The same systems with bodies appended that are not there."""
    q, p = (torch.cat([z, z.new_zeros(*z.shape[:2], extra, 2)], 2) for z in (x.q, x.p))
    mass, mask = (torch.cat([z, z.new_zeros(len(x), extra)], 1) for z in (x.bodies.mass, x.bodies.mask))
    features = torch.cat([x.bodies.features, x.bodies.features.new_zeros(len(x), extra, 1)], 1)
    return Trajectory.of(x.times, q, p, Bodies.of(mass, features, mask))


def assert_same(a: Trajectory, b: Trajectory) -> None:
    """Bit for bit."""
    for name in ("times", "q", "p"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name
    for name in ("mass", "features", "mask"):
        assert torch.equal(getattr(a.bodies, name), getattr(b.bodies, name)), name
