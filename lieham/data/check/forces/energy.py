"""This module looks for forces that no potential explains: drag, driving, a uniform acceleration, a magnetic field."""

from __future__ import annotations

import numpy as np

from lieham.data.check.conserved import totals
from lieham.data.check.findings import Finding
from lieham.data.check.forces.dictionary import pose
from lieham.data.check.forces.driving import of_driving
from lieham.data.check.forces.fit import CERTAIN, FELT, FOLDS, Fit, Term
from lieham.data.check.motion import Motion


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
    text += "outside: declare it by `uniform_field=True` (on the command line `--model.uniform_field true`), or a "
    text += "group without that translation, since momenta along it are not kept"
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
    severity = "note" if motion.guessed else "fault"
    return Finding("lorentz-force", severity, text, {"strength": value, "plane": names[a] + names[b], "charge": kind})


WORDS = {"drag": _drag, "uniform": _uniform, "lorentz": _lorentz}
"""For every force in question the function that puts it into words."""


def of_decay(motion: Motion) -> Finding | None:
    """Find a drag −γ p of a closed system, in which all its momenta decay alike: ΔJ = −γ ∫ J dt over every window."""
    changes, integrals = [], []
    for total, size in totals(motion):
        if np.sqrt((total**2).mean()) > 1e-4 * size:
            changes.append(motion.change(total) / size)
            integrals.append(motion.integral(total) / size)
    if not changes or motion.whole.sum() < FOLDS:
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
