"""This module defines what a check of data reports: findings in plain sentences, and the frames they concern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from lieham._support.report import Report

SEVERITIES = ("fault", "note")


@dataclass(frozen=True)
class Suspect:
    """A suspect names frames of one trajectory that are better left out of training.

    Args:
        trajectory: the index of the trajectory within its split.
        frames: the indices of the frames, in order.
        bodies: the indices of the bodies that are concerned; empty for all.
        split: the name of the split.
    """

    trajectory: int
    frames: tuple[int, ...]
    bodies: tuple[int, ...] = ()
    split: str = ""

    def as_dict(self) -> dict:
        """Return the fields as plain data that JSON can hold."""
        return {
            "split": self.split,
            "trajectory": self.trajectory,
            "frames": list(self.frames),
            "bodies": list(self.bodies),
        }


@dataclass(frozen=True)
class Finding:
    """A finding is one thing that a check saw in the data.

    Args:
        name: a short name that programs can compare, such as "momentum-factor".
        severity: "fault" where the data contradict themselves or what was declared, or else "note".
        sentence: what was seen, with numbers and a remedy.
        figures: the numbers of the sentence by name.
        suspects: the frames that are concerned, where they are some and not all.
        splits: the names of the splits in which it was seen.
    """

    name: str
    severity: str
    sentence: str
    figures: dict = field(default_factory=dict)
    suspects: tuple[Suspect, ...] = ()
    splits: tuple[str, ...] = ()

    def as_dict(self) -> dict:
        """Return the fields as plain data that JSON can hold."""
        return {
            "name": self.name,
            "severity": self.severity,
            "sentence": self.sentence,
            "figures": self.figures,
            "splits": list(self.splits),
            "suspects": [x.as_dict() for x in self.suspects],
        }


@dataclass(frozen=True)
class DataCheck(Report):
    """A report of whether trajectories are consistent, and of what they conserve; `check` makes it.

    Args:
        findings: what was seen, faults first.
        declared: the name of the group that was declared; empty for none.
        supported: the name of the largest group whose momenta are constant in the data.
        figures: the drift of every momentum, the noise and the sampling, by split and by name.
    """

    findings: tuple[Finding, ...]
    declared: str
    supported: str
    figures: dict

    @property
    def faults(self) -> tuple[Finding, ...]:
        """Return the findings in which the data contradict themselves or what was declared."""
        return tuple(x for x in self.findings if x.severity == "fault")

    @property
    def notes(self) -> tuple[Finding, ...]:
        """Return the findings that are no faults."""
        return tuple(x for x in self.findings if x.severity == "note")

    @property
    def suspects(self) -> tuple[Suspect, ...]:
        """Return the frames that are better left out of training; nothing is left out by this report itself."""
        return tuple(suspect for x in self.findings for suspect in x.suspects)

    def named(self, name: str) -> Finding | None:
        """Return the finding of that name, or None if there is none."""
        return next((x for x in self.findings if x.name == name), None)

    def as_dict(self) -> dict:
        """Return the findings and figures as plain data that JSON can hold."""
        return {
            "faults": len(self.faults),
            "findings": [x.as_dict() for x in self.findings],
            "group": {"declared": self.declared, "supported": self.supported},
            "figures": self.figures,
        }

    def __str__(self) -> str:
        count = len(self.faults)
        head = "no fault was found" if not count else f"{count} fault{'s' if count > 1 else ''} found"
        declared = f"; declared: {self.declared}" if self.declared else "; none is declared"
        lines = [head, f"group that the data support: {self.supported}{declared}"]
        return "\n".join(lines + [line for x in self.findings for line in _lines(x)])


def _lines(finding: Finding) -> list[str]:
    """Return a finding as lines of text: its sentence, and where it was seen."""
    where = f" ({', '.join(finding.splits)})" if finding.splits else ""
    lines = [f"{finding.severity:<6} {finding.name}{where}: {finding.sentence}"]
    return lines + [f"{'':<7}{line}" for line in _places(finding.suspects)]


def _places(suspects: Sequence[Suspect], most: int = 3) -> list[str]:
    """Return the first suspects as text, and how many more there are."""
    lines = [f"{x.split} trajectory {x.trajectory}: frames {_ranges(x.frames)}{_bodies(x.bodies)}" for x in suspects]
    more = [f"and {len(lines) - most} more trajectories"] if len(lines) > most else []
    return lines[:most] + more


def _bodies(bodies: Sequence[int]) -> str:
    return f" of body {', '.join(map(str, bodies))}" if bodies else ""


def _ranges(frames: Sequence[int], most: int = 6) -> str:
    """Return indices as text, neighbours joined: 3-5, 9."""
    runs: list[list[int]] = []
    for k in frames:
        if runs and k == runs[-1][1] + 1:
            runs[-1][1] = k
        else:
            runs.append([k, k])
    words = [f"{a}" if a == b else f"{a}-{b}" for a, b in runs]
    return ", ".join(words[:most]) + (", ..." if len(words) > most else "")
