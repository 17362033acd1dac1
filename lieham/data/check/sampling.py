"""This module measures noise, rounding and sampling: how many points an oscillation has, and what is not smooth."""

from __future__ import annotations

import numpy as np

from lieham.data.check.findings import Finding
from lieham.data.check.motion import Motion, roughness_by_order

FEW_POINTS = 12.0
"""With fewer points an oscillation, the path between them is known to 1 % or worse."""


def check_sampling(motion: Motion) -> list[Finding]:
    """Note steps that are long for the fastest oscillation, noise, and rounding that is felt."""
    coarse = _period(motion)
    return [f for f in (_clock(motion), coarse or _noise(motion), _rounding(motion), _gaps(motion)) if f]


def sampling_figures(motion: Motion) -> dict:
    """Return the points an oscillation, and the noise of q and p, as plain numbers."""
    q, p = motion.noise
    return {
        "points_per_oscillation": points_per_oscillation(motion),
        "noise_q": [float(x) for x in q],
        "noise_p": [float(x) for x in p],
    }


def points_per_oscillation(motion: Motion) -> float | None:
    """Return the number of points in a period of the body that oscillates fastest, or None if none can be told.

    The angle that an oscillation turns in a step follows from the sizes of successive differences of its velocity,
    |Δ²v| = 2 sin(ωh/2) |Δv|, where Δ are differences over even steps and slopes over others.
    """
    if motion.points < 4:
        return None
    h = float(np.median(motion.steps))
    found = []
    for x, noise in ((motion.v, motion.noise[1] / np.median(motion.mass, axis=0)), (motion.q, motion.noise[0])):
        x = x - x.mean(1, keepdims=True)
        for i in range(motion.q.shape[2]):
            own = x[motion.real[:, i], :, i]
            if not own.size:
                continue
            step = motion.steps[motion.real[:, i], :, None] / h
            slope = np.diff(own, axis=1) / step
            bend = np.diff(slope, axis=1) / (step[:, 1:] + step[:, :-1]) * 2
            first, second = (np.sqrt((z**2).sum(-1).mean()) for z in (slope, bend))
            if second > 10 * noise[i] * motion.dim**0.5 and first > 0:
                found.append(2 * np.pi / (2 * np.arcsin(min(1.0, second / first / 2)) + 1e-12))
        if found:
            break
    return float(min(found)) if found else None


def _period(motion: Motion) -> Finding | None:
    points = points_per_oscillation(motion)
    if points is None or points >= FEW_POINTS:
        return None
    text = (
        f"the fastest motion has {points:.2g} points an oscillation: at least {FEW_POINTS:.0f} are needed for the path "
    )
    text += "between them to be known; take shorter steps"
    return Finding("few-points", "note", text, {"points": points})


def _noise(motion: Motion) -> Finding | None:
    """Note what stays of one size in differences of growing order, as noise does and motion does not."""
    shares = {}
    for name, x in (("q", motion.q), ("p", motion.p)):
        if name == "p" and motion.guessed:
            continue
        sizes = roughness_by_order(motion.times, x, motion.real)
        if len(sizes) < 5:
            continue
        way = np.sqrt(((x - x.mean(1, keepdims=True)) ** 2).mean((0, 1, 3)))
        level = np.minimum(sizes[-1], sizes[-2])
        flat = (sizes[-1] > 0.7 * sizes[-2]) & (sizes[-1] < 1.4 * sizes[-2]) & (sizes[-2] > 0.7 * sizes[-3])
        floor = 30 * motion.rounding * np.abs(x).max((0, 1, 3))
        noisy = flat & (level > floor) & (level > 1e-7 * way) & (level < 0.5 * way)
        if noisy.mean() >= 0.5:
            shares[name] = (float(np.median(level[noisy])), float(np.median((level / (way + 1e-300))[noisy])))
    if not shares or motion.known.observed == "noisy":
        return None
    words = " and ".join(
        f"{name} of {x:.2g} ({100 * share:.2g} % of its motion)" for name, (x, share) in shares.items()
    )
    remedy = (
        'say observed="noisy", and take a longer window' if motion.known.observed == "exact" else "take longer windows"
    )
    return Finding(
        "noise", "note", f"there is noise in {words}: {remedy}", {name: x for name, (x, _) in shares.items()}
    )


def _rounding(motion: Motion) -> Finding | None:
    """Note coordinates whose rounding is felt in a single step."""
    if motion.points < 2:
        return None
    step = np.sqrt((np.diff(motion.q, axis=1) ** 2).mean((1, 3)))
    rounding = motion.rounding * np.abs(motion.q).max((1, 3)) / 2
    share = (
        float(np.median((rounding / np.maximum(step, 1e-300))[motion.real & (step > 0)])) if (step > 0).any() else 0.0
    )
    if share < 0.01:
        return None
    text = f"the rounding of q is {100 * share:.2g} % of a step's way: store q in float64, or about a nearer origin"
    return Finding("rounding", "note", text, {"share": share})


def _clock(motion: Motion) -> Finding | None:
    if motion.clock < 1e-3:
        return None
    text = f"times are rounded to {100 * motion.clock:.2g} % of a step: store them in float64, or from the start on"
    return Finding("rounded-times", "fault", text, {"share": motion.clock})


def _gaps(motion: Motion) -> Finding | None:
    """Note steps that are several times as long as all others, where all others are even."""
    steps = motion.steps
    usual = np.median(steps) if steps.size else 1.0
    even = np.abs(steps / usual - 1) < 1e-3
    long = steps > 1.5 * usual
    if not long.any() or (even | long).mean() < 1 or long.mean() > 0.1:
        return None
    row, k = (int(x) for x in np.argwhere(long)[0])
    text = (
        f"{int(long.sum())} steps are longer than the others, by up to {steps.max() / usual:.3g} times (first: after "
    )
    text += f"frame {k} of trajectory {row}), so frames may be missing there: cut the trajectories there"
    return Finding("gaps", "note", text, {"steps": int(long.sum()), "longest": float(steps.max() / usual)})
