"""Why a stage of training ends early, or does not begin: it diverges, it cannot pay, or the time is up."""

from __future__ import annotations

from math import inf

from lieham.training.history import History

DIVERGED = 3
"""A stage ends early where so many validations in a row are far above the best one."""
FAR = 100.0
"""They are far above it where they are more than this many times as large."""
RISEN = 10.0
"""A stage that began from the weights before a regression must be this many times above their loss too: it is far above
the best one at first, and falls."""
PROBED = 2
"""A stage is judged by its pace from so many validations on."""
HOPE = 1.5
"""It is then expected to gain, in all, at most this many times the decades that the same pace would bring. On four laws
learned by gradients alone (ridge=False; springs, logarithmic, charges, Buckingham), the decades at the end were 0.4 to
1.4 times as many as the pace of the first 150 of 500 steps would have brought."""
WORTH = 0.9
"""A stage that begins from the best weights must come below this share of their loss between two validations."""
LEARNED = 1e-3
"""No stage begins where half of the windows lie below this share of the tolerance: few windows make what is left."""


def is_learned(history: History, tolerance: float) -> bool:
    """Return whether no further stage is to begin, since the law is found.

    It is where the trimmed mean of the best weights lies below the tolerance, or where their median lies so far below
    it that the mean is made by some windows alone. These are close passes, for which gradients would trade the rest.

    Args:
        history: the rows so far.
        tolerance: the loss that counts as solved.
    """
    return history.best < tolerance or _median(history.kept) < LEARNED * tolerance


def is_better(history: History, stage: str, found: dict) -> bool:
    """Return whether weights with these scores are to replace the best ones so far.

    Their trimmed mean must be less. They must not be worse in the median than the best of the stages before theirs, so
    that a gain in a few windows is not bought with a loss in all others.

    Args:
        history: the rows so far.
        stage: the name of the stage that made the weights.
        found: the scores of the weights, `validation` and, of trajectories, `median`.
    """
    former = [row for row in history.rows if row.get("kept") and row["stage"] != stage]
    bound = _median(former[-1]) if former else inf
    return found["validation"] < history.best and found.get("median", 0.0) <= bound


def divergence(history: History, tolerance: float) -> str:
    """Return a sentence where the last stage has diverged at its last validations, `DIVERGED` of them; else "".

    All of them are over `FAR` times the best, which may be that of a former stage, and they do not fall by half, or
    they are not finite.

    Args:
        history: the rows so far, the last one included.
        tolerance: the loss that counts as solved; below it nothing is far.
    """
    last = history.rows[-DIVERGED:]
    values = [row["validation"] for row in last if row["stage"] == last[-1]["stage"]]
    bound = FAR * max(history.best, tolerance)
    if len(values) < DIVERGED or any(x <= bound for x in values) or values[-1] <= values[0] / 2:
        return ""
    return (
        f"{last[-1]['stage']} diverged and was stopped at step {last[-1]['step']}, where its validation loss is "
        f"{values[-1]:.2g}; the best, {history.best:.2g}, is kept: a smaller lr may help"
    )


def futility(history: History, total: float, patient: bool) -> str:
    """Return a sentence where the last stage cannot be expected to pay; else "".

    Only stages that follow a regression are judged, at the validation of the last row. One that began from the weights
    before the regression is judged by its pace, the decades by which it has lowered their loss for each step: it is
    stopped where `HOPE` times that pace, for all of its steps, does not reach the regression's loss. One that began
    from the best weights themselves is stopped where it has not come below `WORTH` times their loss.

    Args:
        history: the rows so far, the last one included.
        total: the number of steps that the stage has, or has time for.
        patient: True for a stage that began from the weights before the regression.
    """
    row, regressed = history.rows[-1], next((row for row in history.rows if "before" in row), None)
    best = next((x["validation"] for x in reversed(history.rows[:-1]) if x.get("kept")), inf)
    if regressed is None or row is regressed:
        return ""
    where = f"{row['stage']} was stopped at step {row['step']}, since"
    if not patient:
        little = row["validation"] > WORTH * best
        return f"{where} it has come from {best:.2g} to {row['validation']:.2g} only" if little else ""
    before, now = regressed["before"], row["validation"]
    probed = sum(x["stage"] == row["stage"] for x in history.rows) >= PROBED
    if before == inf or not probed or history.kept["stage"] == row["stage"]:
        return ""
    expected = before * (now / before) ** max(HOPE * total / row["step"], 1.0) if now < before else before
    if expected < best:
        return ""
    return f"{where} from {before:.2g} it has come to {now:.2g} and will not reach the regression's {best:.2g}"


def lateness(minutes: float, history: History) -> str:
    """Return the sentence that says that the time is up, at the last row.

    Args:
        minutes: the limit.
        history: the rows so far, the last one included.
    """
    last = history.rows[-1]
    return (
        f"training was ended by the limit of {minutes:g} minutes, after step {last['step']} of {last['stage']}; the "
        f"best, {history.best:.2g}, is kept: minutes=0 lets all stages run to their end"
    )


def _median(row: dict) -> float:
    return row.get("median", inf)
