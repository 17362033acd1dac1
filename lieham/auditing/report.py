"""What an audit found: one row a check, as a table and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field

EXACT, ROUND_OFF, ON_AVERAGE, BROKEN = VERDICTS = ("exact", "to round-off", "in distribution", "broken")
"""No difference at all; within the tolerance; only on average over random draws; neither."""


@dataclass(frozen=True)
class Check:
    """One check: `worst`, the largest error found, in the units that `detail` names, beside its `tolerance`.

    `declared` is False for what the audit looks at though nobody promised it: such a check never makes a model unsound.
    `input` is the configuration where the worst was found, as lists: "q", and "p" and "move" where there are some.
    """

    name: str
    verdict: str
    worst: float
    tolerance: float
    detail: str = ""
    declared: bool = True
    input: dict = field(default_factory=dict)

    def as_dict(self) -> dict:
        """JSON-able."""
        own = {"name": self.name, "verdict": self.verdict, "worst": self.worst, "tolerance": self.tolerance}
        return own | {"detail": self.detail, "declared": self.declared, "input": self.input}


def judged(name: str, worst: float, tolerance: float, detail: str, declared: bool = True, **where: object) -> Check:
    """The check with the verdict that `worst` deserves; what is not a number is broken."""
    verdict = EXACT if worst == 0 else ROUND_OFF if worst <= tolerance else BROKEN
    at = {key: value.tolist() for key, value in where.items() if value is not None}
    # JSON knows no NaN and no infinity: the largest float stands for what is not finite.
    return Check(name, verdict, min(worst, 1.7e308) if worst == worst else 1.7e308, tolerance, detail, declared, at)


@dataclass(frozen=True)
class Audit:
    """The checks of one audit, in order, and what could not be checked, with the reason."""

    subject: str
    checks: tuple[Check, ...]
    skipped: dict[str, str]

    def __getitem__(self, name: str) -> Check:
        """The check of that name; KeyError when there is none."""
        return next(check for check in self.checks if check.name == name) if name in self.names else self._none(name)

    def _none(self, name: str) -> Check:
        raise KeyError(f"check must be one of {', '.join(self.names)}, got {name!r}")

    @property
    def names(self) -> list[str]:
        """Of all checks that were made."""
        return [check.name for check in self.checks]

    @property
    def broken(self) -> list[str]:
        """The declared properties that do not hold."""
        return [check.name for check in self.checks if check.verdict == BROKEN and check.declared]

    @property
    def sound(self) -> bool:
        """Whether nothing that is declared is broken."""
        return not self.broken

    def as_dict(self) -> dict:
        """JSON-able: {"checks": [{"name", "verdict", "worst", "tolerance", ...}], ...}."""
        checks = [check.as_dict() for check in self.checks]
        return {"subject": self.subject, "sound": self.sound, "checks": checks, "skipped": self.skipped}

    def __str__(self) -> str:
        width = max([len(name) for name in self.names] + [5])
        rows = [f"{'check':<{width}}  {'verdict':<15} {'worst':>8} {'tolerance':>9}  worst is"]
        for x in self.checks:
            verdict = x.verdict if x.declared else f"({x.verdict})"
            rows.append(f"{x.name:<{width}}  {verdict:<15} {x.worst:>8.1e} {x.tolerance:>9.1e}  {x.detail}")
        rows += [f"{name:<{width}}  not checked: {reason}" for name, reason in self.skipped.items()]
        end = "sound" if self.sound else f"broken: {', '.join(self.broken)}"
        return "\n".join([f"audit of {self.subject}", *rows, end])
