"""This module checks masses by the momentum that they give: other masses may keep it where the given ones do not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from lieham.data.check.conserved import MomentumDrift, momentum_drifts
from lieham.data.check.explanations import have_same_masses
from lieham.data.check.findings import Finding
from lieham.data.check.motion import Motion
from lieham.data.masses import infer_masses
from lieham.errors import InputError

CLEARLY = 0.03
"""Masses are inferred where P changes by this share of what the bodies exchange."""
BETTER = 0.03
"""Inferred masses are proposed where they leave this share of that change."""


def check_masses(motion: Motion) -> list[Finding]:
    """Find masses for which P is constant, where it is not for those that are given.

    They are told from velocities, whose errors they do not have; so data with p of other masses are not concerned.
    """
    if motion.q.shape[2] < 2 or not motion.real.all() or motion.points < 6 or not motion.fine.all():
        return []
    before = _translations(momentum_drifts(motion))
    if not all(x.changing and x.drift > CLEARLY for x in before):
        return []
    arrays = [torch.from_numpy(np.ascontiguousarray(x)) for x in (motion.times, motion.q, motion.v)]
    for shared in (True, False) if have_same_masses(motion) else (False,):
        try:
            found = infer_masses(*arrays, group=f"T({motion.dim})", shared=shared)
        except InputError:
            continue
        mass = np.broadcast_to(found.mass.numpy(), motion.mass.shape)
        after = _translations(momentum_drifts(replace(motion, mass=mass).moving(motion.v)))
        if all(y.drift < BETTER * x.drift for x, y in zip(before, after, strict=True)):
            return [_proposed(motion, mass, shared, before)]
    return []


def _translations(found: dict[str, MomentumDrift]) -> list[MomentumDrift]:
    return [x for name, x in found.items() if name.startswith("P")]


def _proposed(motion: Motion, mass: np.ndarray, shared: bool, before: list[MomentumDrift]) -> Finding:
    scaled = mass[0] * motion.mass[0].mean() / mass[0].mean()
    words = ", ".join(f"{x:.4g}" for x in scaled[:8])
    where = "" if shared else " of the first trajectory"
    text = f"P changes by {100 * max(x.drift for x in before):.2g} % of what the bodies exchange, and with the masses "
    text += f"({words}){where} it is constant: give those, or leave masses out and have them inferred"
    return Finding("masses", "fault", text, {"masses": scaled.tolist()})
