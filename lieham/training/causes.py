"""A verdict on a trained model: does it beat what costs nothing, and if it does not, what is the likely cause?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lieham.data import Dataset, check
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.dynamics.uniform_field import UniformField
from lieham.losses.closed import explained_by, without_acceleration

POOR = 0.05
"""A model that leaves more than this share of the loss of free flight is doubted, whatever the data show."""
DOUBTFUL = 1e-6
"""A model that leaves more than this share is doubted where the data show a fault."""
GENERAL = (
    "no force of the declared kind explains the motion (drag, driving, a symmetry that the data do not have, momenta "
    "that are not m dq/dt, or positions wrapped into a box would look so), or the data are too few or too noisy"
)


def verdict(baselines: dict, model: Hamiltonian, data: Dataset, explained: bool = False) -> str:
    """Return one sentence where the model is not better than free flight, or little and the data show why; else "".

    Args:
        baselines: the scores, as `History.baselines` holds them.
        model: the trained model.
        data: the data that it was trained on.
        explained: True where training has taken an outside push out, and said so; then no other group is advised.
    """
    scores = baselines["scores"]
    own, free = (scores[name]["trimmed"] for name in ("model", "free flight"))
    share = own / free if free > 0 else 0.0
    if not share > DOUBTFUL:
        return ""
    cause = likely_cause(model, data, "group" if explained else "")
    if share <= POOR and not cause:
        return ""
    if share <= POOR:
        beats = f"beats free flight {1 / share:.2g} times only"
    else:
        beats = "does not beat free flight" if not share < 1 else f"leaves {100 * share:.0f} % of free flight's loss"
    where = f"on {baselines['windows']} windows of {baselines['split']}"
    numbers = f"a loss of {own:.2g} beside {free:.2g} (10 % trimmed means {where})"
    return f"the model {beats}, {numbers}; likely cause: {cause or GENERAL}"


def likely_cause(model: Hamiltonian, data: Dataset, known: str = "") -> str:
    """Return what in the data most likely keeps the model from learning them, in words; "" where nothing is found.

    Args:
        model: the trained model, with the group that it declares.
        data: the data that it was trained on.
        known: the name of a finding that the user has been told of already.
    """
    if model.uniform_field is not None:
        data = _falling(data, model.uniform_field)
    faults = [x for x in check(data, group=model.group, quick=True).faults if x.name != known]
    return faults[0].sentence if faults else ""


def _falling(data: Dataset, field: UniformField) -> Dataset:
    """Return the data as seen from the frame that falls with what the field explains, where the field is not felt."""
    assert data.train is not None, "a model was trained on it"
    g = explained_by(field, data.train)
    splits: dict[str, Any] = {name: without_acceleration(x, g) for name, x in data.splits.items()}
    return replace(data, **splits)
