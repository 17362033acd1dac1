"""The report of an audit has one row a check, and is shown as a table, as plain data, or as a picture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lieham._support.report import Report
from lieham.typing import Tensor

EXACT, ROUND_OFF, ON_AVERAGE, BROKEN = VERDICTS = ("exact", "to round-off", "in distribution", "broken")
"""The verdicts mean: no difference at all; within the tolerance; zero as a mean over random draws; none of these."""


@dataclass(frozen=True)
class Check:
    """A check records one test of an audit and its verdict.

    Args:
        name: of the check.
        verdict: one of `VERDICTS`.
        worst: the largest error found, in the units that `detail` names.
        tolerance: the error up to which the verdict is "to round-off".
        detail: what the error is, and what it is relative to.
        declared: whether the property was declared. The audit looks at some that nobody promised; such a check never
            makes a target unsound.
        input: the configuration where the worst was found, as lists: "q", and "p" and "move" where there are some.
    """

    name: str
    verdict: str
    worst: float
    tolerance: float
    detail: str = ""
    declared: bool = True
    input: dict[str, list] = field(default_factory=dict)

    def as_dict(self) -> dict:
        """Return the check as plain data that JSON can hold."""
        own = {"name": self.name, "verdict": self.verdict, "worst": self.worst, "tolerance": self.tolerance}
        return own | {"detail": self.detail, "declared": self.declared, "input": self.input}


def judged(name: str, worst: float, tolerance: float, detail: str, **where: Tensor | None) -> Check:
    """Make the check with the verdict that its worst error deserves; an error that is not a number is broken.

    Args:
        name: of the check.
        worst: the largest error found.
        tolerance: the error up to which the verdict is "to round-off".
        detail: what the error is, and what it is relative to.
        where: the configuration where the worst was found.
    """
    verdict = EXACT if worst == 0 else ROUND_OFF if worst <= tolerance else BROKEN
    at = {key: value.tolist() for key, value in where.items() if value is not None}
    # JSON knows no NaN and no infinity: the largest float stands for what is not finite.
    return Check(name, verdict, min(worst, 1.7e308) if worst == worst else 1.7e308, tolerance, detail, True, at)


@dataclass(frozen=True)
class Audit(Report):
    """An audit is the report that `lieham.audit` returns.

    Args:
        subject: what was audited, and under which symmetry.
        checks: the checks that were made, in order.
        skipped: what could not be checked, with the reason.
        searched: the number of bodies `n`, the `largest |q|`, the least and largest of `distances`, and of masses and
            other side inputs; a cutoff beyond these distances was not seen, and `reach` widens them.

    Example:
        >>> import lieham
        >>> made = lieham.audit(lambda q: q.square().sum((1, 2)), "SE(3)", count=100)
        >>> made.sound, made["net torque"].verdict != "broken", "net force" in made.broken
        (False, True, True)
    """

    subject: str
    checks: tuple[Check, ...]
    skipped: dict[str, str]
    searched: dict[str, int | float | list[float]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Check:
        """Return the check of that name; raise KeyError if there is none."""
        for check in self.checks:
            if check.name == name:
                return check
        raise KeyError(f"check must be one of {', '.join(self.names)}, got {name!r}")

    @property
    def names(self) -> list[str]:
        """The names of all checks that were made, in order, are a list."""
        return [check.name for check in self.checks]

    @property
    def broken(self) -> list[str]:
        """The declared properties that do not hold are listed by the names of their checks."""
        return [check.name for check in self.checks if check.verdict == BROKEN and check.declared]

    @property
    def sound(self) -> bool:
        """The target is sound if nothing that it declares is broken."""
        return not self.broken

    def as_dict(self) -> dict:
        """Return everything as plain data: {"checks": [{"name", "verdict", "worst", "tolerance", ...}], ...}."""
        checks = [check.as_dict() for check in self.checks]
        return {"subject": self.subject, "sound": self.sound, "checks": checks, "skipped": self.skipped} | {
            "searched": self.searched
        }

    def plot(self, path: str | Path) -> Path:
        """Draw the worst error of every check beside its tolerance, on a log axis, into a PNG file.

        Args:
            path: the file; missing folders on the way are made.

        Returns:
            The path of the file.
        """
        from lieham import plotting

        title = f"{self.subject}: {'sound' if self.sound else 'broken'}"
        return plotting.plot_checks([check.as_dict() for check in self.checks], path, title)

    def __str__(self) -> str:
        width = max([len(name) for name in self.names] + [5])
        rows = [f"{'check':<{width}}  {'verdict':<15} {'worst':>8} {'tolerance':>9}  worst is"]
        for x in self.checks:
            verdict = x.verdict if x.declared else f"({x.verdict})"
            rows.append(f"{x.name:<{width}}  {verdict:<15} {x.worst:>8.1e} {x.tolerance:>9.1e}  {x.detail}")
        rows += [f"{name:<{width}}  not checked: {reason}" for name, reason in self.skipped.items()]
        if self.searched:
            seen = ", ".join(f"{name} {_in_words(x)}" for name, x in self.searched.items())
            rows.append(f"searched: {seen}; nothing was seen beyond, and a larger reach looks farther")
        end = "sound" if self.sound else f"broken: {', '.join(self.broken)}"
        return "\n".join([f"audit of {self.subject}", *rows, end])


def _in_words(x: int | float | list[float]) -> str:
    return " to ".join(f"{y:.3g}" for y in (x if type(x) is list else [x]))
