"""This module finds the momenta that are constant in the data, and the group that they belong to."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lieham.data.check.findings import Finding
from lieham.data.check.motion import Motion, differences
from lieham.errors import expected
from lieham.groups import Group, make_group

NAMES = {
    1: ("T(1)", "Trivial(1)"),
    2: ("SE(2)", "T(2)", "SO(2)", "T(1)xTrivial(1)", "Trivial(1)xT(1)", "Trivial(2)"),
    3: (
        *("SE(3)", "SE(2)xT(1)", "T(1)xSE(2)", "T(3)", "SO(3)", "SE(2)xTrivial(1)", "Trivial(1)xSE(2)", "SO(2)xT(1)"),
        *("T(1)xSO(2)", "T(2)xTrivial(1)", "Trivial(1)xT(2)", "T(1)xTrivial(1)xT(1)", "SO(2)xTrivial(1)"),
        *("Trivial(1)xSO(2)", "T(1)xTrivial(2)", "Trivial(1)xT(1)xTrivial(1)", "Trivial(2)xT(1)", "Trivial(3)"),
    ),
}
"""For every dimension the groups that a report may name, from the largest on."""
SMALL = 1e-3
"""A momentum is constant if it changes by less than this share of what its bodies exchange."""
SLOPE_NOISE = 3.0
"""The noise of a derivative, in units of that of q over a step: 1 in the middle of 5 points and 5 at their ends."""
CLEAR = 5e-3
"""A momentum is said to change where its change is at least this share of what its bodies exchange."""


@dataclass(frozen=True)
class MomentumDrift:
    """A charge is the momentum that belongs to one generator, and how it changes along the trajectories.

    Args:
        name: its name, such as P_x.
        drift: the root mean square of its change, in units of what its bodies exchange.
        size: the root mean square of its change in units of what it would be if nothing cancelled.
        noise: what of `drift` is noise and the error of the momenta.
        constant: True if it does not change beyond noise.
        changing: True if it changes clearly.
    """

    name: str
    drift: float
    size: float
    noise: float
    constant: bool
    changing: bool


def charge_of(motion: Motion, name: str, A: np.ndarray, b: np.ndarray) -> MomentumDrift:
    """Return the charge Σ_i p_i·(A q_i + b) and how it changes.

    Args:
        motion: the motion, some of whose steps may be marked as out of order.
        name: the name of the charge.
        A: the matrix of the generator, (d, d).
        b: its vector, (d,).
    """
    real = motion.real[:, None]
    field = motion.q @ A.T + b
    share = (motion.p * field).sum(-1) * real
    total = share.sum(-1)
    exchange = np.sqrt(_variance(share, motion.fine[..., None]).sum(-1).mean())
    plain = (np.linalg.norm(motion.p, axis=-1) * np.linalg.norm(field, axis=-1) * real).sum(-1)
    change = np.sqrt(_variance(total, motion.fine).mean())
    size = np.sqrt((plain[motion.fine] ** 2).mean()) if motion.fine.any() else 0.0
    floor = (100 * motion.rounding + 1e-12) * size
    if exchange <= 10 * floor:
        exchange = size
    noise = np.sqrt((_error(motion, field, A) ** 2).sum(-1).mean())
    smooth = _smooth(motion, total)
    drift, noise_share = (float(x / max(exchange, 1e-300)) for x in (change, noise))
    constant = change <= floor or drift <= SMALL or (change <= 3 * noise and not smooth)
    changing = drift > CLEAR and change > 5 * floor and (change > 6 * noise or (smooth and change > 2 * noise))
    return MomentumDrift(name, drift, float(change / max(size, 1e-300)), noise_share, bool(constant), bool(changing))


def _variance(x: np.ndarray, fine: np.ndarray) -> np.ndarray:
    """Return the variance along each trajectory of the frames that count, without the loss of digits of large means."""
    count = np.maximum(fine.sum(1, keepdims=True), 1)
    off = (x - (x * fine).sum(1, keepdims=True) / count) * fine
    return (off**2).sum(1) / np.maximum(count[:, 0] - 1, 1)


def _error(motion: Motion, field: np.ndarray, A: np.ndarray) -> np.ndarray:
    """Return the error of a share of the charge by noise, and by the derivative where momenta are estimates, (k, n)."""
    noise_q, noise_p = motion.noise
    if motion.guessed:
        noise_p = np.maximum(noise_p, SLOPE_NOISE * motion.mass * noise_q / np.median(motion.steps))
    error = noise_p**2 * (field**2).sum(-1).mean(1) + noise_q**2 * ((motion.p @ A) ** 2).sum(-1).mean(1)
    if motion.guessed and motion.points >= 5 and A.any():
        step = motion.steps
        slope = (motion.q[:, 2:] - motion.q[:, :-2]) / (step[:, 1:] + step[:, :-1])[..., None, None]
        off = (motion.v[:, 1:-1] - slope) * motion.mass[:, None, :, None]
        error = error + ((off * field[:, 1:-1]).sum(-1) ** 2).mean(1)
    return np.sqrt(error) * motion.real


def _smooth(motion: Motion, total: np.ndarray) -> bool:
    """Return True if the charge changes from time to time much less than in all, as no noise does."""
    both = motion.fine[:, 1:] & motion.fine[:, :-1]
    first = differences(motion.times, total, 1)[both]
    return bool(first.size and (first**2).mean() < 0.3 * max(_variance(total, motion.fine).mean(), 1e-300))


def totals(motion: Motion) -> list[tuple[np.ndarray, float]]:
    """Return the charges of all translations and turns, (k, time) each, and what each would be if nothing cancelled."""
    found = []
    A, b = (x.numpy() for x in _space(motion.dim).generators())
    real = motion.real[:, None]
    for turn, shift in zip(A, b, strict=True):
        field = motion.q @ turn.T + shift
        plain = (np.linalg.norm(motion.p, axis=-1) * np.linalg.norm(field, axis=-1) * real).sum(-1)
        size = float(np.sqrt((plain**2).mean()))
        if size > 0:
            found.append((((motion.p * field).sum(-1) * real).sum(-1), size))
    return found


def _space(dim: int) -> Group:
    """Return the group of all translations and turns of space, or of the translations in more than 3 dimensions."""
    return make_group(f"SE({dim})" if dim in (2, 3) else f"T({dim})")


def momentum_drifts(motion: Motion) -> dict[str, MomentumDrift]:
    """Return the charges of all translations and turns of space by their names."""
    full = _space(motion.dim)
    A, b = (x.numpy() for x in full.generators())
    return {name: charge_of(motion, name, *x) for name, *x in zip(full.charges, A, b, strict=True)}


def supported(found: dict[str, MomentumDrift], dim: int) -> str:
    """Return the name of the largest group all of whose charges are constant; empty in more than 3 dimensions."""
    names = {"L_z" if name == "L" else name for name, x in found.items() if x.constant}
    for name in NAMES.get(dim, ()):
        if {"L_z" if x == "L" else x for x in make_group(name).charges} <= names:
            return name
    return ""


def check_group(motion: Motion, group: Group, found: dict[str, MomentumDrift], support: str) -> list[Finding]:
    """Compare the charges of the declared group with the data.

    Args:
        motion: the motion.
        group: the group that was declared.
        found: the charges of space, as `momentum_drifts` returns them.
        support: the name of the group that the data support.

    Raises:
        InputError: the group acts on a space of another dimension.
    """
    if group.space_dim != motion.dim:
        raise expected("group", f"of {motion.dim} dimensions like q", group)
    A, b = (x.numpy() for x in group.generators())
    names = group.charges
    own = [charge_of(motion, name, *x) for name, *x in zip(names, A[:], b[:], strict=True)]
    keeps = group.isometries.numpy()
    bad = [x for x, isometry in zip(own, keeps, strict=True) if x.changing and isometry]
    if not bad:
        return []
    words = " and ".join(f"{x.name} changes by {_percent(x.drift)} of what the bodies exchange" for x in bad)
    remedy = f'declare "{support}", whose momenta the data keep' if support else "declare a smaller group"
    text = f"{group} is declared, but {words}: {remedy}, or say what acts from outside"
    return [Finding("group", "fault", text, {"changes": {x.name: x.drift for x in bad}, "supported": support})]


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %"
