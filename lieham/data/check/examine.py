"""This module runs every check over the splits of a dataset and gathers the findings in one report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from lieham.data.check.consistency import check_momenta
from lieham.data.check.findings import SEVERITIES, DataCheck, Finding
from lieham.data.check.motion import Motion
from lieham.data.provenance import Provenance
from lieham.groups import Group
from lieham.state import Trajectory

CHECKS: tuple[Callable[[Motion], list[Finding]], ...] = (check_momenta,)
"""Every check of a motion that asks for nothing beside it."""


class HasSplits(Protocol):
    """What a check asks of a dataset: trajectories by split, and what is known about them."""

    provenance: Provenance

    @property
    def splits(self) -> Mapping[str, Trajectory]:
        """Return the splits that are there, by name."""


def check(dataset: HasSplits, group: str | Group | None = None, quick: bool = False) -> DataCheck:
    """Check whether trajectories are consistent, and find the momenta that they conserve; the data are not changed."""
    findings: list[Finding] = []
    for name, x in dataset.splits.items():
        motion = Motion.of(x, dataset.provenance)
        findings += [replace(f, splits=(name,)) for one in CHECKS for f in one(motion)]
    return DataCheck(merged(findings), str(group or ""), "", {})


def merged(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Join findings of one name in several splits: the words are those of the first, the frames those of all."""
    found: dict[str, Finding] = {}
    for f in findings:
        known = found.get(f.name)
        splits = f.splits if known is None else known.splits + f.splits
        suspects = () if known is None else known.suspects
        found[f.name] = replace(known or f, splits=splits, suspects=suspects + f.suspects)
    return tuple(sorted(found.values(), key=lambda f: SEVERITIES.index(f.severity)))
