"""This module gathers the places of one kind of break in the order of frames, and puts them into words."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from lieham.data.check.findings import Finding, Suspect
from lieham.data.check.motion import Motion


@dataclass
class Places:
    """These are the places of one kind of break: for every trajectory its frames and bodies, and figures.

    Args:
        frames: for every trajectory the frames that are concerned.
        bodies: for every trajectory the bodies that are concerned.
        numbers: what was measured at the places.
    """

    frames: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    bodies: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    numbers: list[float] = field(default_factory=list)

    def add(self, row: int, frames: Iterable[int], bodies: Iterable[int] = (), number: float = 0.0) -> None:
        """Add a place: the trajectory, its frames and bodies, and a number."""
        self.frames[row].update(int(f) for f in frames)
        self.bodies[row].update(int(b) for b in bodies)
        self.numbers.append(number)

    @property
    def suspects(self) -> tuple[Suspect, ...]:
        """Return the frames by trajectory."""
        return tuple(
            Suspect(k, tuple(sorted(x)), tuple(sorted(self.bodies[k]))) for k, x in sorted(self.frames.items())
        )

    @property
    def count(self) -> int:
        """Return the number of frames."""
        return sum(len(x) for x in self.frames.values())

    def words(self) -> str:
        """Return where the first place is."""
        k = min(self.frames)
        body = f" of body {min(self.bodies[k])}" if self.bodies[k] else ""
        return f"frame {min(self.frames[k])}{body} of trajectory {k}"


def finding_of(name: str, places: Places, motion: Motion, box: np.ndarray | None) -> Finding:
    """Return the finding of one kind of break."""
    many, where = places.count, places.words()
    figures: dict = {"frames": many, "trajectories": len(places.frames)}
    frames = f"{many} frame{'s' if many > 1 else ''}"
    if name == "wrapped" and box is not None:
        lengths = [float(x) for x in box]
        known = {axis: x for axis, x in zip("xyzw", lengths, strict=False) if np.isfinite(x)}
        sizes = ", ".join(f"{x:.4g} along {axis}" for axis, x in known.items())
        figures |= {"box": [x if np.isfinite(x) else None for x in lengths]}
        text = f"q jumps by the length of a box, {sizes}, {len(places.numbers)} times (first at {where}), which p does "
        text += "not explain: the coordinates are wrapped; unwrap them by adding that length at every jump"
        text = text if not motion.guessed else text.replace(", which p does not explain", "")
        return Finding(name, "fault", text, figures, places.suspects)
    if name == "repeated-frames":
        text = f"{frames} repeat the frame before, though the bodies move (first: {where}): leave them out, with the "
        text += "steps that touch them, or give their own times"
    elif name == "dropped-frames":
        lost = float(np.median(places.numbers))
        figures |= {"lost": lost}
        text = f"all bodies go {lost + 1:.2g} times as far as their momenta lead them at {len(places.numbers)} step"
        text += f"{'s' if len(places.numbers) > 1 else ''} (first: {where}), so about {round(lost)} frames are missing "
        text += "there: cut the trajectory, or give the true times"
    elif name == "momentum-spike":
        text = f"p of a body is far from m dq/dt in {frames} (first: {where}), though p beside is not: leave these "
        text += "frames out or mend them"
    elif name == "permuted-bodies":
        text = f"the bodies of {frames} stand in another order than in the frames beside them (first: {where}): give "
        text += "every body one index throughout"
    else:
        length = float(np.median(places.numbers))
        figures |= {"length": length}
        text = f"a body is off by {length:.3g} (median) in {frames} (first: {where}) and back on its path afterwards: "
        text += "leave these frames out or mend them"
        if name == "jump":
            text = f"a body jumps by {length:.3g} (median), which its momentum does not explain, in {frames} (first: "
            text += f"{where}): cut the trajectory there"
    return Finding(name, "fault", text, figures, places.suspects)
