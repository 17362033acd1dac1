"""This module runs every check over the splits of a dataset and gathers the findings in one report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from lieham.data.check.consistency import check_momenta
from lieham.data.check.findings import SEVERITIES, DataCheck, Finding
from lieham.data.check.meeting import check_meetings
from lieham.data.check.motion import Motion
from lieham.data.check.order import check_order
from lieham.data.check.sampling import check_sampling
from lieham.data.provenance import Provenance
from lieham.groups import Group
from lieham.state import Trajectory

class HasSplits(Protocol):
    """What a check asks of a dataset: trajectories by split, and what is known about them."""

    @property
    def provenance(self) -> Provenance:
        """Return what is known about the data."""

    @property
    def splits(self) -> Mapping[str, Trajectory]:
        """Return the splits that are there, by name."""


def check(dataset: HasSplits, group: str | Group | None = None, quick: bool = False) -> DataCheck:
    """Check whether trajectories are consistent, and find the momenta that they conserve; the data are not changed."""
    findings: list[Finding] = []
    for name, x in dataset.splits.items():
        for f in examine(Motion.of(x, dataset.provenance)):
            suspects = tuple(replace(one, split=name) for one in f.suspects)
            findings.append(replace(f, splits=(name,), suspects=suspects))
    return DataCheck(merged(findings), str(group or ""), "", {})


def examine(motion: Motion) -> list[Finding]:
    """Return the findings of one split: first the order of frames, then momenta, and the rest where these are sound."""
    found, broken = check_order(motion, motion.guessed)
    motion = motion.without(broken)
    momenta = check_momenta(motion)
    if any(f.severity == "fault" for f in momenta) and not found:
        found, broken = check_order(motion, True)
        motion = motion.without(broken)
    return found + momenta + check_meetings(motion) + check_sampling(motion)


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Join findings of one name in several splits: the words are those of the first, the frames those of all."""
    found: dict[str, Finding] = {}
    for f in findings:
        known = found.get(f.name)
        splits = f.splits if known is None else known.splits + f.splits
        suspects = () if known is None else known.suspects
        found[f.name] = replace(known or f, splits=splits, suspects=suspects + f.suspects)
    return tuple(sorted(found.values(), key=lambda f: SEVERITIES.index(f.severity)))
