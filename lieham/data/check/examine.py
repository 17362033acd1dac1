"""This module runs every check over the splits of a dataset and gathers the findings in one report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol, runtime_checkable

import numpy as np

from lieham.data.check.conserved import check_group, momentum_drifts, supported
from lieham.data.check.consistency import check_momenta
from lieham.data.check.findings import SEVERITIES, DataCheck, Finding
from lieham.data.check.forces import check_forces
from lieham.data.check.masses import check_masses
from lieham.data.check.meeting import check_meetings
from lieham.data.check.motion import Motion
from lieham.data.check.order import check_order
from lieham.data.check.sampling import check_sampling, points_per_oscillation, sampling_figures
from lieham.data.provenance import Provenance
from lieham.groups import Group, make_group
from lieham.state import Trajectory

UNTOLD = ("wrapped", "canonical-momenta")
"""Where one of these was found, or momenta are faulty, forces cannot be told from the data."""
FEWEST = 5.0
"""With fewer points an oscillation, forces cannot be told either."""
SPOILED = ("wrapped", "axes", "momentum-unexplained", "jump", "masses", "drag", "gain", "lorentz-force", "driving")
"""Where one of these was found, the momenta that are not constant are no finding of their own."""
FRAMES = ("spike", "momentum-spike", "permuted-bodies", "repeated-frames")
"""The findings whose frames are left out where momenta are compared."""
QUICK = 12_000
"""A quick check looks at the first trajectories, of about that many numbers in q."""
FULL = 10_000_000
"""A full one looks at that many."""
MOST = 60_000
"""Forces are fitted to about that many numbers of q at most."""


@runtime_checkable
class HasSplits(Protocol):
    """What a check asks of a dataset: trajectories by split, and what is known about them."""

    @property
    def provenance(self) -> Provenance:
        """Return what is known about the data."""

    @property
    def splits(self) -> Mapping[str, Trajectory]:
        """Return the splits that are there, by name."""


@np.errstate(all="ignore")  # numbers beyond 1e150 overflow in squares, which is no news for who checks data
def check(dataset: HasSplits, group: str | Group | None = None, quick: bool = False) -> DataCheck:
    """Check whether trajectories are consistent, and find the momenta that they conserve; the data are not changed.

    Momenta are compared with the derivatives of the positions, frames with those beside them, and the momenta of all
    translations and turns with constants. The report proposes; nothing is mended.

    Args:
        dataset: trajectories in splits.
        group: the symmetry that is to be declared, whose momenta are compared with the data. By default it is the one
            that the provenance names as `symmetry`, or none.
        quick: look at a part of the trajectories, those that come first, some 1e4 numbers of q a
            split, and 1e5 for the order of frames.

    Returns:
        A report, to be printed, or taken as a dictionary by `as_dict`.

    Raises:
        InputError: the group acts on a space of another dimension, or its name is unknown.

    Example:
        >>> from systems import Springs
        >>> from lieham.data import Dataset, check
        >>> x = Springs(4).trajectories(8, seed=0, split="train", points=50)
        >>> report = check(Dataset(x))
        >>> report.faults, report.supported
        ((), 'SE(2)')
        >>> wrong = type(x)(x.times, x.q, 2 * x.p, x.bodies)
        >>> print(check(Dataset(wrong)).faults[0].sentence.split(":")[0])
        p is 2 times m dq/dt in all bodies
    """
    known = dataset.provenance
    declared = known.settings.get("symmetry", "") if group is None else group
    asked = make_group(declared) if declared else None  # type: ignore[arg-type]
    motions = {name: Motion.of(x, known) for name, x in dataset.splits.items()}
    largest = max(motions, key=lambda name: motions[name].q.size)
    findings: list[Finding] = []
    figures: dict = {}
    support = ""
    for name, motion in motions.items():
        found, motion = findings_of(motion, name == largest, QUICK if quick else FULL)
        momenta = momentum_drifts(motion) if motion.points > 1 else {}
        if name == largest and momenta:
            support = supported(momenta, motion.dim)
            if asked is not None and not any(f.name in SPOILED for f in found):
                found += check_group(motion, asked, momenta, support)
        figures[name] = {"momenta": {c.name: c.drift for c in momenta.values()}} | sampling_figures(motion)
        for f in found:
            suspects = tuple(replace(one, split=name) for one in f.suspects)
            findings.append(replace(f, splits=(name,), suspects=suspects))
    return DataCheck(merged(findings), str(declared or ""), support, figures)


def findings_of(motion: Motion, forces: bool = True, numbers: int = FULL) -> tuple[list[Finding], Motion]:
    """Return the findings of one split, and the motion with what is out of order marked.

    Args:
        motion: the motion.
        forces: False to leave out the forces, which are told best by the largest split.
        numbers: how many numbers of q are looked at, ten times as many for the order of frames.
    """
    motion = motion.thinned(10 * numbers)
    found, broken = check_order(motion, motion.guessed)
    known = motion.without(broken, (x for f in found if f.name in FRAMES for x in f.suspects)).thinned(numbers)
    momenta = check_momenta(known)
    if any(f.severity == "fault" for f in momenta) and not found:
        found, broken = check_order(motion, True)
        known = motion.without(broken, (x for f in found if f.name in FRAMES for x in f.suspects)).thinned(numbers)
    told = not any(f.severity == "fault" for f in momenta) and not any(f.name in UNTOLD for f in found + momenta)
    if told and not momenta:
        momenta = check_masses(known)
        told = not momenta
    if forces and told and (points_per_oscillation(known) or FEWEST) >= FEWEST:
        momenta = momenta + check_forces(known.thinned(MOST))
    return found + momenta + check_meetings(motion) + check_sampling(known), known


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Join findings of one name in several splits: the words are those of the first, the frames those of all."""
    found: dict[str, Finding] = {}
    for f in findings:
        known = found.get(f.name)
        splits = f.splits if known is None else known.splits + f.splits
        suspects = () if known is None else known.suspects
        found[f.name] = replace(known or f, splits=splits, suspects=suspects + f.suspects)
    return tuple(sorted(found.values(), key=lambda f: SEVERITIES.index(f.severity)))
