"""This module prepares trajectories for the checks: float64 arrays, quadrature along windows, noise and slopes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from lieham.data.check.findings import Suspect
from lieham.data.provenance import Provenance
from lieham.state import Trajectory

MEDIANS = {1: 1.483, 2: 1.201, 3: 1.126}
"""A normal vector of that dimension has this deviation in units of the median of its root mean square."""
POINTS = 5
"""The number of points of a window, along which velocities are integrated by a polynomial through all of them."""


@dataclass(frozen=True)
class Motion:
    """A motion holds the trajectories that a check looks at, as float64 arrays.

    Args:
        times: times from the start of each trajectory (k, time).
        q: positions (k, time, n, d).
        p: momenta like q.
        mass: masses (k, n).
        features: features (k, n, c).
        real: True where a body is real, (k, n).
        known: what is known about the data.
        rounding: the relative rounding of q and p.
        clock: the rounding of the times, in units of the shortest step.
        start: the first time of each trajectory, (k,).
        sound: False at the steps (k, time − 1) across which the order of frames is broken.
        fine: False at the frames (k, time) that are suspicious.
    """

    times: np.ndarray
    q: np.ndarray
    p: np.ndarray
    mass: np.ndarray
    features: np.ndarray
    real: np.ndarray
    known: Provenance
    rounding: float
    clock: float
    start: np.ndarray
    sound: np.ndarray
    fine: np.ndarray

    @classmethod
    def of(cls, x: Trajectory, known: Provenance) -> Motion:
        """Return the motion of trajectories with q of shape (k, time, n, d)."""
        import torch

        def array(y: torch.Tensor) -> np.ndarray:
            return y.detach().cpu().numpy().astype(bool if y.dtype == torch.bool else np.float64)

        t = x.times.detach().cpu()
        step = t.diff(dim=-1).min().item() if t.shape[-1] > 1 else 1.0
        clock = torch.finfo(t.dtype).eps * t.abs().max().item() / step
        times, start = array(t - t[:, :1]), array(t[:, 0])
        q, p, mass, features, real = (array(y) for y in (x.q, x.p, x.bodies.mass, x.bodies.features, x.bodies.mask))
        sound = np.ones((len(times), times.shape[1] - 1), dtype=bool)
        rounding = torch.finfo(x.q.dtype).eps
        fine = np.ones_like(times, dtype=bool)
        return cls(times, q, p, mass, features, real, known, rounding, clock, start, sound, fine)

    def __len__(self) -> int:
        return len(self.times)

    @property
    def points(self) -> int:
        """Return the number of points of a trajectory."""
        return self.times.shape[1]

    @property
    def dim(self) -> int:
        """Return the dimension of space."""
        return self.q.shape[-1]

    @property
    def guessed(self) -> bool:
        """Return True if the momenta are derivatives of the positions, so that they tell nothing of their own."""
        return self.known.observed == "positions"

    @cached_property
    def steps(self) -> np.ndarray:
        """Return the steps (k, time − 1)."""
        return np.diff(self.times, axis=1)

    @cached_property
    def v(self) -> np.ndarray:
        """Return p/m, 0 for padded bodies."""
        return self.p / self.mass[:, None, :, None] * self.real[:, None, :, None]

    @cached_property
    def whole(self) -> np.ndarray:
        """Return whether the frames of every window are in order, (k, windows)."""
        return np.asarray(sliding_window_view(self.sound, self.width - 1, axis=1).all(-1))

    @property
    def width(self) -> int:
        """Return the number of points of a window."""
        return min(POINTS, self.points)

    @cached_property
    def weights(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of ∫ dt over each window, (k, windows, width), of the best order and of a lower one."""
        return _quadrature(self.times, self.width)

    def integral(self, f: np.ndarray, order: int = 0) -> np.ndarray:
        """Integrate along every window.

        Args:
            f: values at every time, (k, time, ...).
            order: 0 for the best order, 1 for the lower one, whose difference bounds the error.

        Returns:
            The integrals, (k, windows, ...).
        """
        windows = sliding_window_view(f, self.width, axis=1)
        return np.einsum("ksw,ks...w->ks...", self.weights[order], windows)

    def change(self, f: np.ndarray) -> np.ndarray:
        """Return the change of f, (k, time, ...), over every window, (k, windows, ...)."""
        return f[:, self.width - 1 :] - f[:, : self.points - self.width + 1]

    @cached_property
    def noise(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the standard deviations of what is not smooth in q and in p, each (n,)."""
        return tuple(roughness(self.times, x, self.real) for x in (self.q, self.p))  # type: ignore[return-value]

    def kept(self, rows: np.ndarray | slice) -> Motion:
        """Return the motion of some of the trajectories."""
        names = ("times", "q", "p", "mass", "features", "real", "start", "sound", "fine")
        return replace(self, **{name: getattr(self, name)[rows] for name in names})

    def thinned(self, numbers: int) -> Motion:
        """Return the first trajectories, of at most about that many numbers in q; a single one that has more is cut."""
        k, time = self.times.shape
        each = self.q[0].size
        chosen = np.arange(max(1, min(k, numbers // each)))
        last = max(min(time, 16), min(time, numbers * time // each))
        cut = {name: getattr(self, name)[chosen, :last] for name in ("times", "q", "p", "fine")}
        cut["sound"] = self.sound[chosen, : last - 1]
        return replace(self.kept(chosen), **cut)

    def without(self, broken: np.ndarray, suspects: Iterable[Suspect] = ()) -> Motion:
        """Return the same motion, with these steps (k, time − 1) marked as out of order, and these frames too."""
        fine = self.fine.copy()
        for suspect in suspects:
            fine[suspect.trajectory, list(suspect.frames)] = False
        return replace(self, sound=self.sound & ~broken, fine=fine)

    def moving(self, v: np.ndarray) -> Motion:
        """Return the same motion with the momenta m v of other velocities."""
        return replace(self, p=v * self.mass[:, None, :, None])


def roughness(times: np.ndarray, x: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Estimate the noise of every body: the least size of differences of the orders 1 to 6, divided by their norm.

    Differences of noise keep their size from order to order, and those of a smooth function decrease.

    Args:
        times: (k, time).
        x: values (k, time, n, d).
        real: True for real bodies (k, n).

    Returns:
        Standard deviations (n,); an upper bound where the sampling is coarse.
    """
    sizes = roughness_by_order(times, x, real)
    return np.min(sizes, axis=0) if len(sizes) else np.zeros(x.shape[2])


def roughness_by_order(times: np.ndarray, x: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the size of differences of the orders 1 to 6, as far as there are points, (orders, n); see `roughness`."""
    orders = range(1, min(6, times.shape[1] - 1) + 1)
    return np.array([_median(differences(times, x, order), real) for order in orders])


def differences(times: np.ndarray, x: np.ndarray, order: int) -> np.ndarray:
    """Return divided differences of x (k, time, ...), scaled so that noise of size 1 has differences of size 1."""
    t = sliding_window_view(times, order + 1, axis=1)
    gaps = t[..., :, None] - t[..., None, :] + np.eye(order + 1) * (t[..., -1] - t[..., 0])[..., None, None]
    w = 1 / (gaps / (t[..., -1] - t[..., 0])[..., None, None]).prod(-1)
    w = w / np.linalg.norm(w, axis=-1, keepdims=True)
    return np.einsum("ksw,ks...w->ks...", w, sliding_window_view(x, order + 1, axis=1))


def _median(y: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the robust standard deviation of every body, (n,), of values (k, s, n, d)."""
    found = np.zeros(y.shape[2])
    for i in range(y.shape[2]):
        own = y[real[:, i], :, i]
        found[i] = MEDIANS.get(y.shape[-1], 1.0) * np.median(np.sqrt((own**2).mean(-1))) if own.size else 0.0
    return found


def _quadrature(times: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of ∫ dt over windows of `width` points, and those of parabolas or lines between them."""
    t = sliding_window_view(times, width, axis=1)
    shape = t.shape
    steps = np.diff(times, axis=1)
    even = np.ptp(steps) <= 1e-9 * steps.max()
    if even:
        t = t[:1, :1]
    best = _newton_cotes(t)
    low = np.zeros_like(best)
    part = 3 if width >= 5 and width % 2 else 2
    for first in range(0, width - 1, part - 1):
        low[..., first : first + part] += _newton_cotes(t[..., first : first + part])
    if width == 2:
        low[..., 0], low[..., 1] = t[..., 1] - t[..., 0], 0.0
    return np.broadcast_to(best, shape), np.broadcast_to(low, shape)


def _newton_cotes(t: np.ndarray) -> np.ndarray:
    """Return weights (..., w) with Σ w f(t) = ∫ f dt from the first to the last of the times, for polynomials f."""
    half, middle = (t[..., -1:] - t[..., :1]) / 2, (t[..., -1:] + t[..., :1]) / 2
    s = (t - middle) / half
    powers = np.arange(t.shape[-1])
    moments = np.where(powers % 2 == 0, 2 / (powers + 1), 0.0)
    rows = s[..., None, :] ** powers[:, None]
    weights = np.linalg.solve(rows, np.broadcast_to(moments, rows.shape[:-1])[..., None])[..., 0]
    return half * weights
