"""This module checks the order of frames and bodies: repeated, dropped and permuted frames, spikes, wrapped boxes."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from scipy.optimize import linear_sum_assignment

from lieham.data.check.findings import Finding
from lieham.data.check.motion import Motion
from lieham.data.check.places import Places, finding_of
from lieham.data.check.steps import MOST, RARE, Steps, measure

MOST_PLACES = 2000
"""The number of broken steps that are looked at one by one."""


def check_order(motion: Motion, own_path: bool) -> tuple[list[Finding], np.ndarray]:
    """Find breaks in the order of frames and bodies.

    Args:
        motion: the motion.
        own_path: True where p tells nothing of dq/dt.

    Returns:
        The findings, and the steps (k, time − 1) across which the order is broken.
    """
    none = np.zeros_like(motion.sound)
    if motion.points < 4 or (own_path and motion.points < 8):
        return [], none
    steps = measure(motion, own_path)
    broken = steps.broken.copy()
    if broken[motion.real[:, None].repeat(broken.shape[1], 1)].mean() > MOST:
        return [], none
    kinds: dict[str, Places] = defaultdict(Places)
    _repeated(motion, steps, broken, kinds["repeated-frames"])
    box = _box(motion, steps, broken)
    if box is not None:
        _wrapped(steps, broken, box, kinds["wrapped"])
    for row in np.flatnonzero(broken.any((1, 2)))[:MOST_PLACES]:
        _of_row(motion, steps, broken, int(row), kinds)
    out = steps.broken.any(-1) | (steps.still & motion.real[:, None]).any(-1)
    if not own_path:
        odd = _odd_momenta(motion) & ~(steps.broken[:, 1:] | steps.broken[:, :-1]).any(-1, keepdims=True)
        for row, k, i in np.argwhere(odd):
            kinds["momentum-spike"].add(int(row), [k + 1], [i], float(np.linalg.norm(motion.p[row, k + 1, i])))
        out |= np.pad(odd.any(-1), ((0, 0), (0, 1))) | np.pad(odd.any(-1), ((0, 0), (1, 0)))
    found = [finding_of(name, x, motion, box) for name, x in kinds.items() if x.frames]
    return found, out


def _odd_momenta(motion: Motion) -> np.ndarray:
    """Return where p/m of one frame is far from dq/dt, though that of the frames beside it is not, (k, time − 2, n)."""
    t, v = motion.times[..., None, None], motion.v
    slope = (motion.q[:, 2:] - motion.q[:, :-2]) / (t[:, 2:] - t[:, :-2])
    share = (t[:, 1:-1] - t[:, :-2]) / (t[:, 2:] - t[:, :-2])
    between = v[:, :-2] + share * (v[:, 2:] - v[:, :-2])
    off, usual, turn = (np.linalg.norm(x, axis=-1) for x in (v[:, 1:-1] - slope, between - slope, v[:, 2:] - v[:, :-2]))
    typical = 1.5 * np.median(off, axis=1, keepdims=True)
    size = np.median(np.linalg.norm(v, axis=-1), axis=1, keepdims=True)
    noise = np.minimum(motion.noise[1], RARE * np.median(motion.noise[1])) / motion.mass
    limit = 1.5 * RARE * typical + RARE * (usual + turn) + RARE * noise[:, None] + 0.02 * size
    odd = (off > limit) & motion.real[:, None]
    return odd if odd.mean() < 0.2 else np.zeros_like(odd)


def _repeated(motion: Motion, steps: Steps, broken: np.ndarray, places: Places) -> None:
    """Take frames that repeat the one before, and the jump with which they end, out of the broken steps."""
    real = motion.real[:, None]
    frozen = steps.still & (np.diff(motion.p, axis=1) == 0).all(-1)
    frozen |= steps.still & motion.guessed
    lost = steps.still & steps.broken
    for row in np.flatnonzero((frozen | lost).any((1, 2))):
        whole = (frozen | ~real)[row].all(-1)
        for i in np.flatnonzero((frozen | lost)[row].any(0)):
            here = frozen[row, :, i] | lost[row, :, i]
            frames = np.flatnonzero(here) + 1
            places.add(int(row), frames, [] if (whole == here).all() else [int(i)])
            after = np.flatnonzero(np.diff(np.r_[here, False].astype(int)) < 0) + 1
            broken[row, here, i] = False
            broken[row, after[after < broken.shape[1]], i] = False


def _box(motion: Motion, steps: Steps, broken: np.ndarray) -> np.ndarray | None:
    """Return the lengths (d,) of a box into which coordinates were wrapped, nan along axes that are not, or None.

    Jumps of one size along an axis, in both the data's range and no more, tell a box.
    """
    lengths = np.full(motion.dim, np.nan)
    at = broken & (np.linalg.norm(steps.miss, axis=-1) > 2 * steps.size)
    for a in range(motion.dim):
        jumps = np.abs(steps.miss[..., a][at])
        error = steps.size[at]
        values = motion.q[..., a][motion.real[:, None].repeat(motion.points, 1)]
        span = np.ptp(values)
        jumps, error = jumps[jumps > 0.5 * span], error[jumps > 0.5 * span]
        if len(jumps) == 0:
            continue
        L = np.median(jumps)
        alike = np.abs(jumps - L) <= np.maximum(error, 0.02 * L)
        filled = np.ptp(np.quantile(values, (0.05, 0.95))) > 0.2 * L  # and not one frame that lies far off
        if not filled or alike.mean() < 0.9 or span > 1.05 * L or (len(jumps) < 3 and span < 0.7 * L):
            continue
        lengths[a] = _edge(L, span)
    return lengths if np.isfinite(lengths).any() else None


def _edge(L: float, span: float) -> float:
    """Return the length of a box from the median jump; never less than what the positions span."""
    return max(L, span) if span < 1.02 * L else L


def _wrapped(steps: Steps, broken: np.ndarray, box: np.ndarray, places: Places) -> None:
    """Take the steps that a whole number of boxes explains out of the broken ones."""
    size = np.where(np.isfinite(box), box, np.inf)
    number = np.round(steps.miss / size)
    left = steps.miss - np.where(number == 0, 0.0, number * np.where(np.isfinite(box), box, 0.0))
    wrapped = broken & (number != 0).any(-1)
    wrapped &= np.linalg.norm(left, axis=-1) < np.maximum(steps.size, 0.1 * np.nanmin(box))
    for row, k, i in np.argwhere(wrapped):
        places.add(int(row), [k, k + 1], [i])
    broken &= ~wrapped


def _of_row(motion: Motion, steps: Steps, broken: np.ndarray, row: int, kinds: dict[str, Places]) -> None:
    """Name the broken steps of one trajectory."""
    here = broken[row]
    for k in np.flatnonzero(here.any(-1)).tolist():
        bodies = np.flatnonzero(here[k])
        if not len(bodies):
            continue
        if _skipped(motion, steps, row, k, kinds["dropped-frames"]):
            here[k] = False
            continue
        frame = 0 if k == 0 and not here[1].any() else k + 1
        moved = _permuted(motion, steps, row, frame)
        if set(bodies) & set(moved):
            kinds["permuted-bodies"].add(row, [frame], moved)
            here[max(frame - 1, 0) : frame + 1, moved] = False
    for i in np.flatnonzero(here.any(0)):
        _spikes(steps, row, int(i), here[:, i], kinds)


def _skipped(motion: Motion, steps: Steps, row: int, k: int, places: Places) -> bool:
    """Return True, and add the place, if all bodies went a whole number of steps too far."""
    real = motion.real[row]
    way = steps.miss[row, k, real] + steps.expected[row, k, real]
    unit = 1 / (steps.size[row, k, real] + 0.1 * np.linalg.norm(steps.expected[row, k, real], axis=-1))[:, None]
    along = (unit**2 * steps.expected[row, k, real] ** 2).sum()
    if along <= 0 or steps.broken[row, k, real].mean() < 0.5:
        return False
    ratio = (unit**2 * steps.expected[row, k, real] * way).sum() / along
    miss = np.linalg.norm(way - ratio * steps.expected[row, k, real], axis=-1)
    fine = miss <= 0.35 * np.linalg.norm(way, axis=-1) + steps.size[row, k, real]
    if ratio < 1.5 or fine.mean() < 0.75:
        return False
    places.add(row, [k, k + 1], number=ratio - 1)
    return True


def _permuted(motion: Motion, steps: Steps, row: int, frame: int) -> np.ndarray:
    """Return the bodies of a frame that, in another order, are where the frame beside it expects them; maybe none."""
    bodies = np.flatnonzero(motion.real[row])
    q, t, v = motion.q[row][:, bodies], motion.times[row], motion.v[row][:, bodies]
    allowed = steps.size[row, min(max(frame - 1, 0), len(t) - 2), bodies]
    for other in (frame - 1, frame + 1):
        if not 0 <= other < len(q):
            continue
        expected = q[other] + (t[frame] - t[other]) * (0.0 if motion.guessed else v[other])
        apart = np.linalg.norm(q[frame][None] - expected[:, None], axis=-1)
        own, place = linear_sum_assignment(apart)
        moved = own[place != own]
        if len(moved) > 1 and apart[moved, place[moved]].sum() < 0.2 * apart[moved, moved].sum():
            fits = apart[moved, place[moved]] <= allowed[moved] + 0.3 * apart[moved, moved]
            if fits.mean() > 0.7:
                return bodies[moved]
    return np.array([], dtype=int)


def _spikes(steps: Steps, row: int, i: int, here: np.ndarray, kinds: dict[str, Places]) -> None:
    """Name the broken steps of one body: pairs that undo one another enclose a spike, and others are jumps."""
    left: list[int] = np.flatnonzero(here).tolist()
    while left:
        k = left.pop(0)
        if k == 0 and (not left or left[0] > 1):
            kinds["spike"].add(row, [0], [i], _length(steps, row, k, i))
            continue
        back = next(
            (m for m in left if np.linalg.norm(_sum(steps, row, k, m, i)) < _allowed(steps, row, k, m, i)), None
        )
        if back is not None and back - k <= 50:
            kinds["spike"].add(row, range(k + 1, back + 1), [i], _length(steps, row, k, i))
            left = [m for m in left if m > back]
        elif k == len(here) - 1:
            kinds["spike"].add(row, [k + 1], [i], _length(steps, row, k, i))
        else:
            kinds["jump"].add(row, [k, k + 1], [i], _length(steps, row, k, i))


def _length(steps: Steps, row: int, k: int, i: int) -> float:
    return float(np.linalg.norm(steps.miss[row, k, i]))


def _sum(steps: Steps, row: int, k: int, m: int, i: int) -> np.ndarray:
    return steps.miss[row, k : m + 1, i].sum(0)


def _allowed(steps: Steps, row: int, k: int, m: int, i: int) -> float:
    return max(0.2 * _length(steps, row, k, i), float(steps.size[row, [k, m], i].max()))
