"""This module looks for forces that no potential explains: drag, driving, a uniform acceleration, a magnetic field."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar

from lieham.data.check.conserved import totals
from lieham.data.check.dictionary import pose
from lieham.data.check.findings import Finding
from lieham.data.check.fit import CERTAIN, FELT, FOLDS, Fit, Term
from lieham.data.check.motion import Motion

FREQUENCIES = 400
"""The number of frequencies that are tried."""
MOST_TIMES = 3000
"""The number of windows by which frequencies are tried."""


def check_forces(motion: Motion) -> list[Finding]:
    """Look for forces that no potential explains, and name those of which the data are certain."""
    if motion.points < 5:
        return []
    decay = of_decay(motion)
    equations = pose(motion)
    if equations is None or equations.weight.sum() * motion.dim < 2 * equations.forces.shape[-1] + 30:
        return [] if decay is None else [decay]
    fit = Fit(motion, equations)
    found: dict[str, Finding] = {} if decay is None else {"drag": decay}
    taken: list[np.ndarray] = [] if decay is None else [suspected(fit)["drag"]]
    for _ in range(3):
        terms = {name: (x, fit.term(x, taken)) for name, x in suspected(fit).items() if name not in found}
        sure = {name: both for name, both in terms.items() if fit.sure(*both)}
        if not sure:
            break
        name = min(sure, key=lambda name: sure[name][1].left)
        found[name] = WORDS[name](motion, sure[name][1])
        taken.append(sure[name][0])
    driving = of_driving(fit, taken)
    return list(found.values()) + ([] if driving is None else [driving])


def _drag(motion: Motion, term: Term) -> Finding:
    return _of_drag(-float(term.value[0]), float(term.error[0]))


def _of_drag(gamma: float, error: float) -> Finding:
    """Say that momenta decay, or grow, in proportion to themselves."""
    figures = {"gamma": gamma, "error": error}
    kind, verb = ("drag", "lose") if gamma > 0 else ("gain", "gain")
    text = f"bodies {verb} energy: a force of {-gamma:+.4g} p (± {error:.1g}) acts on them, which no Hamiltonian has; "
    text += "leave out what makes it, or learn a model with dissipation"
    return Finding(kind, "fault", text, figures)


def _uniform(motion: Motion, term: Term) -> Finding:
    g = [float(x) if abs(x) > 3 * e else 0.0 for x, e in zip(term.value, term.error, strict=True)]
    words = ", ".join(f"{x:.4g}" for x in g)
    text = f"all bodies have the acceleration ({words}) in common, whatever their place, as in a uniform field from "
    text += "outside: momenta along it are not kept, so declare a group without that translation, or subtract the field"
    return Finding("uniform-acceleration", "note", text, {"acceleration": g})


def _lorentz(motion: Motion, term: Term) -> Finding:
    d = motion.dim
    turns = [(a, b) for b in range(d) for a in range(b)]
    kinds = ["1", "m", *(f"feature {c}" for c in range(motion.features.shape[-1]))]
    best = int(np.argmax(np.abs(term.value) / np.maximum(term.error, 1e-300)))
    kind, (a, b) = kinds[best // len(turns)], turns[best % len(turns)]
    names = "xyzw"
    times = {"1": "", "m": " m"}.get(kind, f" times {kind}")
    value = float(term.value[best])
    text = (
        f"forces turn the velocities in the {names[a]}{names[b]} plane, F = {value:.4g}{times} v rotated by −90°, as a "
    )
    text += (
        "magnetic field does on charges, and p is m dq/dt: this keeps the energy, but q and p are not canonical; give "
    )
    text += "canonical momenta p + a(q), and take VectorPotentialLieConv"
    return Finding("lorentz-force", "fault", text, {"strength": value, "plane": names[a] + names[b], "charge": kind})


WORDS = {"drag": _drag, "uniform": _uniform, "lorentz": _lorentz}
"""For every force in question the function that puts it into words."""


def of_decay(motion: Motion) -> Finding | None:
    """Find a drag −γ p of a closed system, in which all its momenta decay alike: ΔJ = −γ ∫ J dt over every window."""
    changes, integrals = [], []
    for total, size in totals(motion):
        if np.sqrt((total**2).mean()) > 1e-4 * size:
            changes.append(motion.change(total) / size)
            integrals.append(motion.integral(total) / size)
    if not changes:
        return None
    use = motion.whole[None].repeat(len(changes), 0)
    y, x = np.array(changes)[use], np.array(integrals)[use]
    part = np.broadcast_to(np.arange(use.shape[1])[:, None] % FOLDS, use.shape[1:])[None].repeat(len(changes), 0)[use]
    if use.shape[1] < FOLDS // 2:
        part = np.arange(len(y)) % FOLDS
    sums = np.array([((x * x)[part == f].sum(), (x * y)[part == f].sum()) for f in range(FOLDS)])
    total = sums.sum(0)
    if total[0] <= 0 or not (y**2).sum() > 0:
        return None
    rate, each = total[1] / total[0], (total[1] - sums[:, 1]) / np.maximum(total[0] - sums[:, 0], 1e-300)
    error = float(np.sqrt(((each - each.mean()) ** 2).sum() * (FOLDS - 1) / FOLDS))
    explained = 1 - ((y - rate * x) ** 2).sum() / (y**2).sum()
    span = float(np.median(motion.times[:, -1]))
    if explained < 0.98 or abs(rate) * span < FELT or abs(rate) < CERTAIN * error:
        return None
    return _of_drag(-float(rate), error)


def of_driving(fit: Fit, taken: Sequence[np.ndarray]) -> Finding | None:
    """Find a force that oscillates with time: alike on all bodies, or as the forces of the bodies on one another do.

    Args:
        fit: the forces of the motion.
        taken: forces in question that were found.
    """
    motion, unit = fit.motion, fit.equations.unit[:, None, :, None]
    left = fit.residual(taken)
    if (left**2).mean() <= 1e-10 * (fit.equations.target**2).mean():
        return None
    clock = motion.times + motion.start[:, None] - motion.start.min()
    early, late = clock[:, : left.shape[1]], clock[:, motion.width - 1 :]
    middle, h = (early + late) / 2, late - early
    own = (fit.equations.target - left) * fit.use
    shapes = [np.stack([h[..., None, None] / unit * e for e in np.eye(motion.dim)], -1) * fit.use[..., None]]
    shapes += [shapes[0] * motion.mass[:, None, :, None, None], own[..., None]]
    best: tuple[float, float, int] | None = None
    for kind, shape in enumerate(shapes):
        omega, power = _strongest(left, shape, middle, float(np.median(motion.steps)))
        if best is None or power > best[0]:
            best = (power, omega, kind)
    if best is None or best[0] <= 0:
        return None
    _, omega, kind = best
    columns = _oscillating(shapes[kind], middle, h, omega)
    term = fit.term(columns, taken)
    few = len(motion) < 3
    if not fit.sure(columns, term) or term.left > (0.05 if few else 0.6):
        return None
    omega, columns = _refined(fit, taken, shapes[kind], (middle, h), omega)
    term = fit.term(columns, taken)
    what = "the forces of the bodies oscillate" if kind == 2 else "a force on all bodies oscillates"
    size = float(np.linalg.norm(term.value))
    text = f"{what} with the time as cos({omega:.4g} t + φ), of amplitude {size:.3g}{' of their mean' if kind == 2 else ''}, "
    text += "so the energy is driven from outside and not kept: a Hamiltonian of q and p alone cannot say so"
    return Finding("driving", "fault", text, {"frequency": omega, "amplitude": size, "parametric": kind == 2})


def _strongest(left: np.ndarray, shape: np.ndarray, middle: np.ndarray, step: float) -> tuple[float, float]:
    """Return the frequency at which the residual follows a shape times cos(ωt + φ) best, and the share explained."""
    span = float(np.ptp(middle))
    if span <= 0:
        return 0.0, 0.0
    count = int(min(FREQUENCIES, max(8, span / step)))
    grid = np.linspace(np.pi / span, min(0.5 * np.pi / step, np.pi / span * count), count)
    sums = np.einsum("ksnd,ksndc->ksc", left, shape).reshape(-1, shape.shape[-1])
    norms = (shape**2).sum((2, 3)).reshape(-1, shape.shape[-1])
    t = middle.ravel()
    if len(t) > MOST_TIMES:
        chosen = np.linspace(0, len(t) - 1, MOST_TIMES).astype(int)
        sums, norms, t = sums[chosen], norms[chosen], t[chosen]

    def power(omega: np.ndarray) -> np.ndarray:
        waves = np.exp(1j * omega[:, None] * t)
        return (np.abs(waves @ sums) ** 2 / (0.5 * norms.sum(0) + 1e-300)).sum(1)

    for _ in range(3):
        found = power(grid)
        best, width = grid[found.argmax()], grid[1] - grid[0]
        grid = np.linspace(max(best - width, 0.1 * width), best + width, 21)
    return float(best), float(found.max() / max((left**2).sum(), 1e-300))


def _refined(
    fit: Fit, taken: Sequence[np.ndarray], shape: np.ndarray, clock: tuple[np.ndarray, np.ndarray], omega: float
) -> tuple[float, np.ndarray]:
    """Return the frequency near `omega` that leaves least beside all other forces, and its columns."""
    width = np.pi / max(float(np.ptp(clock[0])), 1e-300)

    def left(x: float) -> float:
        return float((fit.residual([*taken, _oscillating(shape, *clock, x)]) ** 2).sum())

    best = minimize_scalar(left, bounds=(omega - width, omega + width), method="bounded", options={"maxiter": 12}).x
    return float(best), _oscillating(shape, *clock, float(best))


def _oscillating(shape: np.ndarray, middle: np.ndarray, h: np.ndarray, omega: float) -> np.ndarray:
    """Return a shape times cos ωt and times sin ωt, averaged over each window."""
    smooth = np.sinc(omega * h / 2 / np.pi)
    waves = np.stack([smooth * np.cos(omega * middle), smooth * np.sin(omega * middle)], -1)
    both = shape[..., None, :] * waves[:, :, None, None, :, None]
    return both.reshape(*shape.shape[:-1], -1)


def suspected(fit: Fit) -> dict[str, np.ndarray]:
    """Return the integrals over windows of the forces in question, in units of each body's Δp.

    ∫ p dt of a body is m Δq for sound momenta, which is exact where p varies between the times.
    """
    motion, unit = fit.motion, fit.equations.unit[:, None, :, None]
    way = motion.change(motion.q)
    mass = motion.mass[:, None, :, None]
    span = motion.change(motion.times)[..., None, None]
    d = motion.dim
    found = {"drag": (mass * way / unit)[..., None]}
    found["uniform"] = np.stack([span * mass / unit * e for e in np.eye(d)], -1) * np.ones((*way.shape, 1))
    turns = [(a, b) for b in range(d) for a in range(b)]
    if turns:
        columns = []
        for w in (np.ones_like(motion.mass), motion.mass, *np.moveaxis(motion.features, -1, 0)[:3]):
            for a, b in turns:
                turned = np.zeros_like(way)
                turned[..., a], turned[..., b] = way[..., b], -way[..., a]
                columns.append(turned * w[:, None, :, None] / unit)
        found["lorentz"] = np.stack(columns, -1)
    return found
