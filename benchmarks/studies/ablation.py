"""The default without one of its parts at a time, on three laws of pairs and one of angles."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from benchmarks.engine.figures import summary
from benchmarks.engine.models import Entry, own_training
from benchmarks.engine.parts import PARTS
from benchmarks.engine.runs import line, measure
from benchmarks.engine.scoring import window_errors
from benchmarks.engine.sizes import Given, Size, trial
from benchmarks.engine.tables import grouped, markdown, middle, seconds, spread

LAWS = ("springs", "gravity", "morse", "bending")
QUICK = tuple(name for name in PARTS if name != "2 blocks")
"""The parts of the quick size: two blocks take longer than all others together."""

SIZES = {
    "tiny": Size(
        (4,),
        models=("default", "no ridge stage", "4 scales"),
        laws=LAWS[:1],
        share=0.004,
        n_test=6,
        unseen=1,
        horizons=(1,),
    ),
    "quick": Size((100,), models=QUICK, laws=LAWS, share=0.1, n_test=200, unseen=1, horizons=(1,)),
    "full": Size((100,), (0, 1, 2), models=tuple(PARTS), laws=LAWS, unseen=1, horizons=(1,)),
}


def run(given: Given) -> None:
    """Train without every part on every law."""
    for run in given.runs():
        part, windows = PARTS[run[1]], trial(run[0], given.size).windows

        def scored(model: nn.Module, windows=windows) -> dict:
            own = windows.to(dtype=next(model.parameters()).dtype)
            errors = window_errors(model, own, 1, {"": own.states()})[""]
            return {f"mse_5step_{name}": value for name, value in summary(errors).items()}

        entry = Entry(part.make, own_training)
        with part.away():
            protocol = {"n_test": given.size.n_test}
            given.say(line(measure(given, run, protocol, scored, entry=entry, **part.training)))


def table(results: Sequence[dict]) -> str:
    """A row for each law and part, in the order of `PARTS`."""
    rows = []
    for (law, name, _), runs in sorted(grouped(results).items(), key=lambda x: (x[0][0], list(PARTS).index(x[0][1]))):
        figures = [spread(middle(runs, "mse_5step_mean")), spread(middle(runs, "mse_5step_median"))]
        failed = sum(x["failed"] is not None for x in runs)
        rows.append([law, name, str(len(runs)), seconds(runs), *figures, str(failed)])
    return markdown(["law", "without", "seeds", "seconds", "5-step mean", "5-step median", "diverged"], rows)
