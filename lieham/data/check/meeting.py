"""This module checks whether bodies stand at one point, where pair forces have no direction."""

from __future__ import annotations

import numpy as np

from lieham.data.check.findings import Finding, Suspect
from lieham.data.check.motion import Motion

NEAR = 1e-9
"""Bodies stand at one point if their distance is less than this share of the median distance of bodies."""


def check_meetings(motion: Motion) -> list[Finding]:
    """Find bodies that stand at one point."""
    n = motion.q.shape[2]
    pairs = [(i, j) for i in range(n) for j in range(i)]
    if not pairs:
        return []
    places: dict[int, tuple[set[int], set[int]]] = {}
    size = np.sqrt((motion.q - motion.q.mean((1, 2), keepdims=True)).var(axis=(1, 2)).sum(-1)).max()
    always, count = [], 0
    for i, j in pairs:
        real = motion.real[:, i] & motion.real[:, j]
        apart = np.linalg.norm(motion.q[:, :, i] - motion.q[:, :, j], axis=-1)
        at = (apart <= max(NEAR, 4 * motion.rounding) * size) & real[:, None]
        count += int(at.sum())
        if at.any() and at[real].all():
            always.append((j, i))
        for row in np.flatnonzero(at.any(1)).tolist():
            frames, bodies = places.setdefault(row, (set(), set()))
            frames.update(np.flatnonzero(at[row]).tolist())
            bodies.update((j, i))
    if not places:
        return []
    row = min(places)
    text = (
        f"bodies {min(places[row][1])} and {max(places[row][1])} stand at one point in frame {min(places[row][0])} of "
    )
    text += f"trajectory {row}, and {count} times in all: forces have no direction there; leave these frames out"
    if always:
        text = (
            f"bodies {always[0][0]} and {always[0][1]} stand at one point in all frames: they are one body; take one "
        )
        text += "of them out, and add its mass to that of the other"
    suspects = tuple(Suspect(k, tuple(sorted(f)), tuple(sorted(b))) for k, (f, b) in sorted(places.items()))
    return [Finding("bodies-meet", "fault", text, {"times": count, "always": always}, suspects)]
