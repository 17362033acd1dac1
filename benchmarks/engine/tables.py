"""Results as Markdown tables, which are read as they stand in a terminal too."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.engine.figures import over_seeds
from benchmarks.engine.machine import one_line

Group = tuple[str, str, int]


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table: the first column to the left, the others to the right."""
    widths = [max(len(row[k]) for row in (head, *rows)) for k in range(len(head))]
    pad = [[x.ljust(w) if k == 0 else x.rjust(w) for k, (x, w) in enumerate(zip(r, widths, strict=True))] for r in rows]
    first = [x.ljust(w) if k == 0 else x.rjust(w) for k, (x, w) in enumerate(zip(head, widths, strict=True))]
    rule = ["-" * w if k == 0 else "-" * (w - 1) + ":" for k, w in enumerate(widths)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (first, rule, *pad))


def number(x: float | None) -> str:
    """Two digits; a figure that is missing diverged."""
    return "diverged" if x is None else f"{x:.1e}"


def ratio(x: float | None, base: float | None) -> str:
    """x / base to two digits."""
    return "-" if x is None or not base else f"{x / base:.2g}"


def grouped(results: Sequence[dict]) -> dict[Group, list[dict]]:
    """(law, model, n_train) to its results by seed; of results for the same the latest."""
    latest = {(x["law"], x["model"], x["n_train"], x["seed"]): x for x in results}
    groups: dict[Group, list[dict]] = {}
    for (*group, _), result in latest.items():
        groups.setdefault(tuple(group), []).append(result)
    return groups


def middle(runs: Sequence[dict], name: str, at: str | None = None) -> dict:
    """Median and quartiles over seeds of a figure, or of its entry `at`; a run without it diverged."""
    values = [x.get(name) for x in runs]
    return over_seeds([v.get(at) if isinstance(v, dict) else v for v in values])


def spread(figures: dict) -> str:
    """Median and quartiles, such as 2.7e-09 (1.0e-09 to 3.0e-09); the median alone where they agree."""
    if figures["q25"] == figures["q75"]:
        return number(figures["median"])
    return f"{number(figures['median'])} ({number(figures['q25'])} to {number(figures['q75'])})"


def seconds(runs: Sequence[dict]) -> str:
    """Median training time over seeds; of a baseline that is not trained none."""
    median = middle(runs, "seconds")["median"]
    return "-" if median is None or not runs[0]["n_train"] else f"{median:.0f}"


def percent(values: list[float | None]) -> str:
    """Median (smallest to largest), in percent."""
    if None in values:
        return "-"
    low, middle, high = (100 * f(values) for f in (min, lambda x: over_seeds(x)["median"], max))
    return f"{middle:.1f}" if len(values) == 1 else f"{middle:.1f} ({low:.1f} to {high:.1f})"


def energy(mae: float, unit: str) -> str:
    """In meV where the unit is eV."""
    return f"{1000 * mae:.0f} meV" if unit == "eV" else f"{mae:.3g} {unit}"


def energies(runs: Sequence[dict]) -> str:
    """The median error over seeds, and in brackets that on turned molecules, where it was measured."""
    errors = [[x.get(name) for x in runs] for name in ("mae", "turned")]
    known = [energy(over_seeds(v)["median"], runs[0]["unit"]) for v in errors if v and None not in v]
    return " ".join([*known[:1], *(f"({x})" for x in known[1:])]) or "-"


def footer(content: dict) -> str:
    """Where and when it was measured, and by which commits; * marks files that differed from the commit."""
    results = content["results"]
    commits = dict.fromkeys(f"{x['commit']}{'*' if x['dirty'] else ''}" for x in results)
    machines = dict.fromkeys(x["machine"] for x in results)
    python = content["machine"]["python"]
    days = sorted({x["date"][:10] for x in results})
    when = " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "nothing"
    return (
        f"{content['benchmark']}, size {content['size']}, {when}, commit {', '.join(map(str, commits))}; "
        f"{'; '.join(machines) or one_line(content['machine'])}, Python {python}"
    )
