"""From a user's arrays to validated trajectories: the one border that every file passes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from lieham.errors import InputError, expected
from lieham.state import Bodies, Trajectory
from lieham.typing import Tensor

VELOCITY_NAMES = ("v", "velocity", "velocities")
KNOWN = ("times", "q", "p", *VELOCITY_NAMES, "mass", "features", "mask")


def trajectory_of(arrays: Mapping[str, np.ndarray], where: str) -> Trajectory:
    """Trajectories (k, time, n, d) from arrays `times`, `q`, `p` or `v`, `mass`, and optional `features`, `mask`.

    Shapes: q and p (k, time, n, d), or (time, n, d) for a single trajectory; times (time,) or (k, time); mass (n,) or
    (k, n); features (n, c) or (k, n, c); mask (n,) or (k, n). Velocities become momenta p = m v. Integers become
    float64; float32 and float64 stay. Raises InputError that names the array and begins with `where`.
    """
    try:
        return _trajectory({name: _numeric(name, value) for name, value in arrays.items()})
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def _trajectory(arrays: dict[str, np.ndarray]) -> Trajectory:
    for name in arrays:
        if name not in KNOWN:
            raise InputError(f"arrays must be among {', '.join(KNOWN)}, got {name}")
    momenta = [name for name in ("p", *VELOCITY_NAMES) if name in arrays]
    if len(momenta) > 1:
        raise InputError(f"arrays must hold one of p, {', '.join(VELOCITY_NAMES)}, got {', '.join(momenta)}")
    momentum = momenta[0] if momenta else None
    for name, found in (
        ("times", "times" in arrays),
        ("q", "q" in arrays),
        ("p (or v)", momentum),
        ("mass", "mass" in arrays),
    ):
        if not found:
            raise InputError(f"array {name} must be there, got only {', '.join(arrays) or 'none'}")
    q = _with_batch("q", arrays["q"], 4)
    p = _with_batch(momentum, arrays[momentum], 4)
    k, n = q.shape[0], q.shape[2]
    mass = _per_system("mass", arrays["mass"], (k, n))
    mask = _per_system("mask", arrays["mask"], (k, n)) if "mask" in arrays else None
    features = _features(arrays["features"], k, n) if "features" in arrays else None
    if mask is not None:
        q, p = (np.where(mask[:, None, :, None], x, 0.0) if x.shape == q.shape else x for x in (q, p))
    tensors = [None if x is None else torch.from_numpy(np.array(x, order="C")) for x in (mass, features, mask)]
    times, q, p = (torch.from_numpy(np.ascontiguousarray(x)) for x in (arrays["times"], q, p))
    mass, features, mask = (_like(x, q) for x in tensors)
    make = Trajectory.of if momentum == "p" else Trajectory.from_velocities
    return make(times.to(q.dtype), q, p.to(q.dtype), Bodies.of(mass, features, mask))


def _numeric(name: str, value: np.ndarray) -> np.ndarray:
    value = np.asarray(value)
    if value.dtype.kind not in "fiub":
        raise expected(f"array {name}", "of real numbers", f"dtype {value.dtype}")
    if value.size == 0 and name != "features":
        raise expected(f"array {name}", "not empty", f"shape {value.shape}")
    if name == "mask":
        if not np.isin(value, (0, 1)).all():
            raise expected("array mask", "of True and False, or 1 and 0", value[~np.isin(value, (0, 1))][0])
        return value.astype(bool)
    return value if value.dtype in (np.float32, np.float64) else value.astype(np.float64)


def _with_batch(name: str, x: np.ndarray, ndim: int) -> np.ndarray:
    if x.ndim not in (ndim - 1, ndim):
        raise expected(name, "of shape (trajectories, time, n, d) or (time, n, d)", x.shape)
    return x[None] if x.ndim == ndim - 1 else x


def _per_system(name: str, x: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if x.shape not in (shape, shape[1:]):
        raise expected(name, f"of shape {shape} or {shape[1:]} like q", x.shape)
    return np.broadcast_to(x, shape)


def _features(x: np.ndarray, k: int, n: int) -> np.ndarray:
    if x.shape[:-1] not in ((k, n), (n,)):
        raise expected("features", f"of shape ({k}, {n}, c) or ({n}, c) like q", x.shape)
    return np.broadcast_to(x, (k, n, x.shape[-1]))


def _like(x: Tensor | None, q: Tensor) -> Tensor | None:
    return x.to(q.dtype) if x is not None and x.is_floating_point() else x
