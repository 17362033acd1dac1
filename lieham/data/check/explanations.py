"""This module puts into words what explains that p is not m dq/dt: a factor, axes, masses or a vector potential."""

from __future__ import annotations

import numpy as np

from lieham.data.check.findings import Finding
from lieham.data.check.motion import Motion

LEAST = 2e-3
"""A factor that differs by less from 1 is not named: integrators of low order make as much."""
UNITS = {
    1000.0: "ms and s",
    60.0: "minutes and s",
    3600.0: "hours and s",
    86400.0: "days and s",
    10.18: "ASE's unit of time and fs",
}
"""Factors between units of time that are mixed up often."""


def have_same_masses(motion: Motion) -> bool:
    """Return True if the masses are those of the same bodies in all trajectories."""
    return bool((np.ptp(motion.mass, axis=0) <= 1e-9 * motion.mass[0]).all())


def of_factor(motion: Motion, c: float) -> Finding:
    """Say that p is c times m dq/dt, or that times are, where their step is known."""
    figures: dict = {"factor": c}
    step = motion.known.settings.get("step")
    close = next((words for x, words in UNITS.items() if min(abs(c / x - 1), abs(c * x - 1)) < 0.01), "")
    unit = f" ({c:.4g} or its inverse lies between {close})" if close else ""
    if isinstance(step, float) and step > 0 and abs(np.median(motion.steps) / step / c - 1) < 0.05 * min(1, abs(c - 1)):
        text = (
            f"times are {c:.4g} times too large: their step is {np.median(motion.steps):.4g}, and {step:.4g} is known"
        )
        return Finding("time-factor", "fault", f"{text}: divide times by {c:.4g}", figures)
    return Finding(
        "momentum-factor",
        "fault",
        f"p is {c:.4g} times m dq/dt in all bodies{unit}: divide p by {c:.4g}, or, if the times are in another unit, "
        f"divide the times by {c:.4g}",
        figures,
    )


def of_axes(M: np.ndarray) -> Finding:
    """Say which axis of p belongs to which of q."""
    d, names = len(M), "xyzw"
    order = np.abs(M).argmax(0)
    size = np.abs(M[order, np.arange(d)])
    rest = np.abs(M).sum() - size.sum()
    figures = {"matrix": M.T.tolist()}
    if sorted(order) != list(range(d)) or rest > 0.1 * size.sum():
        rows = "; ".join(" ".join(f"{x:.3g}" for x in row) for row in M.T)
        text = f"p is R m dq/dt with the matrix R = [{rows}]: turn p by its inverse, so that q and p have the same axes"
        return Finding("axes", "fault", text, figures)
    words = []
    for a, b in enumerate(order):
        c = M[b, a]
        if b != a or abs(c - 1) > LEAST:
            words.append(f"{names[a]} of p is {'' if abs(c - 1) <= LEAST else f'{c:.3g} times '}{names[b]} of m dq/dt")
    return Finding("axes", "fault", f"{', '.join(words)}: swap or divide the axes of p accordingly", figures)


def of_masses(motion: Motion, each: np.ndarray) -> Finding:
    """Say with which masses p is m dq/dt, from the factor of every body, (k, n)."""
    c = np.median(each, axis=0)
    shared = len(each) > 1 and have_same_masses(motion) and bool((np.ptp(each, axis=0) < 0.01 * np.abs(c)).all())
    c = c if shared else each[0]
    mass = (motion.mass[0] * c)[motion.real[0]]
    ratios, masses = (", ".join(f"{x:.4g}" for x in y) for y in (c[motion.real[0]][:8], mass[:8]))
    where = "" if shared or len(each) == 1 else " of the first trajectory"
    return Finding(
        "masses",
        "fault",
        f"p is not m dq/dt, but ({ratios}) times that in the bodies{where}: the masses ({masses}) would agree with q "
        "and p; give those, or give v in place of p",
        {"factors": c.tolist(), "masses": (motion.mass[0] * c).tolist()},
    )


def of_potential(share: float) -> Finding:
    """Say that a function of the positions explains this share of p − m dq/dt."""
    return Finding(
        "canonical-momenta",
        "note",
        f"p − m dq/dt is a function of the positions (it explains {100 * share:.3g} % of the difference), so p is a "
        "canonical momentum in a vector potential: VectorPotentialLieConv is for such data, HLieConv is not",
        {"explained": share},
    )
