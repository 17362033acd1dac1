"""Laws with an external field, and the charges that they keep."""

from __future__ import annotations

import pytest
import torch

import lieham
from systems import FallingSprings, MagneticSprings

ZERO = torch.zeros(())
ROUND_OFF, BROKEN = 1e-13, 1e-3
LAWS = {"falling": FallingSprings(4, g=4.0), "magnetic": MagneticSprings(4, B=1.3)}
KEPT = {
    "falling": {"P_x", "P_y", "L_z", "L_cm_z", "K_x", "K_y"},
    "magnetic": {"P_z", "L_z"},
}
laws = pytest.mark.parametrize("name", LAWS)


def drifts(model, x, **settings) -> dict[str, float]:
    report = lieham.conservation(lieham.forecast(model, x, 60, substeps=1, **settings))
    return {charge.name: charge.drift.max().item() for charge in report.charges if charge.name != "H"}
