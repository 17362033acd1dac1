"""From a user's arrays to validated trajectories: the one border that every file passes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from lieham.data.masses import infer_masses
from lieham.errors import InputError, expected
from lieham.state import Bodies, Trajectory
from lieham.typing import Tensor

VELOCITY_NAMES = ("v", "velocity", "velocities")
KNOWN = ("times", "q", "p", *VELOCITY_NAMES, "mass", "features", "mask")


def trajectory_of(arrays: Mapping[str, np.ndarray], where: str, masses: str = "") -> Trajectory:
    """Trajectories (k, time, n, d) from arrays `times`, `q`, `p` or `v`, `mass`, and optional `features`, `mask`.

    Without `p` and `v` momenta are estimated from the positions (`Trajectory.from_positions`); without `mass`, with
    `masses` the group whose momenta the motion keeps, they are inferred (`infer_masses`), one for each body of all
    trajectories.

    Shapes: q and p (k, time, n, d), or (time, n, d) for a single trajectory; times (time,) or (k, time); mass (n,) or
    (k, n); features (n, c) or (k, n, c); mask (n,) or (k, n). Velocities become momenta p = m v. Integers become
    float64; float32 and float64 stay. Raises InputError that names the array and begins with `where`.
    """
    try:
        return _trajectory({name: _numeric(name, value) for name, value in arrays.items()}, masses)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def only_positions(arrays: Mapping[str, np.ndarray]) -> bool:
    """Whether there are neither momenta nor velocities."""
    return not any(name in arrays for name in ("p", *VELOCITY_NAMES))


def _trajectory(arrays: dict[str, np.ndarray], masses: str) -> Trajectory:
    for name in arrays:
        if name not in KNOWN:
            raise InputError(f"arrays must be among {', '.join(KNOWN)}, got {name}")
    momenta = [name for name in ("p", *VELOCITY_NAMES) if name in arrays]
    if len(momenta) > 1:
        raise InputError(f"arrays must hold one of p, {', '.join(VELOCITY_NAMES)}, got {', '.join(momenta)}")
    momentum = momenta[0] if momenta else None
    for name in ("times", "q"):
        if name not in arrays:
            raise InputError(f"array {name} must be there, got only {', '.join(arrays) or 'none'}")
    q = _with_batch("q", arrays["q"], 4)
    if "mass" in arrays and masses:
        raise InputError(f"masses must not be asked for where there is an array mass, got {masses}")
    if "mass" not in arrays:
        arrays = arrays | {"mass": _inferred(arrays, q, momentum, masses)}
    p = None if momentum is None else _with_batch(momentum, arrays[momentum], 4)
    k, n = q.shape[0], q.shape[2]
    mass = _per_system("mass", arrays["mass"], (k, n))
    mask = _per_system("mask", arrays["mask"], (k, n)) if "mask" in arrays else None
    features = _features(arrays["features"], k, n) if "features" in arrays else None
    if mask is not None:
        q, p = (np.where(mask[:, None, :, None], x, 0.0) if np.shape(x) == q.shape else x for x in (q, p))
    tensors = [None if x is None else torch.from_numpy(np.array(x, order="C")) for x in (mass, features, mask)]
    times, q = (torch.from_numpy(np.ascontiguousarray(x)) for x in (arrays["times"], q))
    mass, features, mask = (_like(x, q) for x in tensors)
    bodies = Bodies.of(mass, features, mask)
    if p is None:
        return Trajectory.from_positions(times.to(q.dtype), q, bodies)
    make = Trajectory.of if momentum == "p" else Trajectory.from_velocities
    return make(times.to(q.dtype), q, torch.from_numpy(np.ascontiguousarray(p)).to(q.dtype), bodies)


def _inferred(arrays: dict[str, np.ndarray], q: np.ndarray, momentum: str | None, masses: str) -> np.ndarray:
    """Masses (n,) from the motion, where that was asked for."""
    if not masses or momentum == "p":
        raise InputError(
            f"array mass must be there, got only {', '.join(arrays)}; from positions or velocities their ratios "
            'can be inferred: lieham.read(path, masses="SE(2)"), --masses "SE(2)" on the command line, where SE(2) is '
            "the symmetry of the motion"
        )
    if "mask" in arrays:
        raise InputError("array mass must be there where mask is: masses are inferred of bodies that are all real")
    velocity = None if momentum is None else torch.from_numpy(_with_batch(momentum, arrays[momentum], 4))
    found = infer_masses(torch.from_numpy(arrays["times"]), torch.from_numpy(q), velocity, group=masses)
    return found.mass.numpy()


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
