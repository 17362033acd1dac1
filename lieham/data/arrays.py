"""This module turns a user's arrays into validated trajectories; every file passes through it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from lieham.data.masses import infer_masses
from lieham.errors import InputError, expected
from lieham.state import Bodies, Trajectory
from lieham.typing import Tensor

VELOCITY_NAMES = ("v", "velocity", "velocities")
LABELS = ("forces", "energy")
KNOWN = ("times", "q", "p", *VELOCITY_NAMES, "mass", "features", "mask", *LABELS)


def trajectory_of(arrays: Mapping[str, np.ndarray], where: str, masses: str = "") -> Trajectory:
    """Turn named arrays into validated trajectories.

    Where the forces are known at the points, single configurations are allowed: without `times` every configuration is
    a trajectory of one point, at rest unless there are momenta.

    Integers become float64; float32 and float64 stay. Velocities become momenta p = m v. Without `p` and `v` the
    momenta are estimated from the positions (`Trajectory.from_positions`).

    Args:
        arrays: `times` (time,) or (k, time); `q` and one of `p` and `v` (k, time, n, d), or (time, n, d) for a single
            trajectory; `mass` (n,) or (k, n); and optional `features` (n, c) or (k, n, c), `mask` (n,) or (k, n),
            `forces` like q and `energy` (k, time).
        where: the words that errors begin with, such as the path of the file.
        masses: the group whose momenta the motion keeps, from which masses are inferred where the array `mass` is not
            there (`infer_masses`), one for each body of all trajectories; empty for never.

    Returns:
        Trajectories with q and p of shape (k, time, n, d).

    Raises:
        InputError: an array is missing, unknown, of a wrong shape, or holds values that a trajectory cannot.
    """
    try:
        return _trajectory({name: _numeric(name, value) for name, value in arrays.items()}, masses)
    except InputError as error:
        raise InputError(f"{where}: {error}") from error


def only_positions(arrays: Mapping[str, np.ndarray]) -> bool:
    """Return True if the arrays hold neither momenta nor velocities."""
    return not any(name in arrays for name in ("p", *VELOCITY_NAMES, "forces"))


def _trajectory(arrays: dict[str, np.ndarray], masses: str) -> Trajectory:
    arrays = _without_time(arrays) if "forces" in arrays and "times" not in arrays else arrays
    labels = {name: arrays[name] for name in LABELS if name in arrays}
    found = _motion({name: x for name, x in arrays.items() if name not in LABELS}, masses, not labels)
    if not labels:
        return found
    if "forces" not in labels:
        raise InputError(
            "array forces must be there where array energy is, got energy alone: the numbers of clouds are learned by "
            "LieConvRegressor"
        )
    known = {name: x[None] if x.ndim == (1 if name == "energy" else 3) else x for name, x in labels.items()}
    if known["forces"].shape == found.q.shape and not bool(found.bodies.mask.all()):
        known["forces"] = _without_padding(known["forces"], known["forces"], found.bodies.mask.numpy())
    return found.with_labels(*(_tensor(known[name]).to(found.q.dtype) for name in LABELS if name in known))


def _without_time(arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return single configurations (k, n, d) or (k, time, n, d) as trajectories of one point, at time 0."""
    q = arrays.get("q")
    if q is None or q.ndim not in (3, 4):
        return arrays
    each, count = q.shape[: q.ndim - 2], int(np.prod(q.shape[: q.ndim - 2]))
    found: dict[str, np.ndarray] = {"times": np.zeros(1)}
    for name, x in arrays.items():
        if name in ("q", "p", *VELOCITY_NAMES, "forces") and x.shape == q.shape:
            found[name] = x.reshape(count, 1, *q.shape[-2:])
        elif name == "energy" and x.shape == each:
            found[name] = x.reshape(count, 1)
        elif name in ("mass", "features", "mask") and q.ndim == 4 and x.shape[:2] == (len(q), q.shape[2]):
            found[name] = x.repeat(q.shape[1], 0)
        else:
            found[name] = x
    return found


def _motion(arrays: dict[str, np.ndarray], masses: str, moving: bool) -> Trajectory:
    """Return the trajectories without labels; where momenta are missing they are estimated, or 0 if not `moving`."""
    momentum = _checked_names(arrays)
    q = _with_batch("q", arrays["q"])
    if "mass" in arrays and masses:
        raise InputError(f"masses must not be asked for where there is an array mass, got {masses}")
    if "mass" not in arrays:
        arrays = arrays | {"mass": _inferred(arrays, q, momentum, masses)}
    p = None if momentum is None else _with_batch(momentum, arrays[momentum])
    k, n = q.shape[0], q.shape[2]
    mass = _per_system("mass", arrays["mass"], (k, n))
    mask = _per_system("mask", arrays["mask"], (k, n)) if "mask" in arrays else None
    features = _features(arrays["features"], k, n) if "features" in arrays else None
    if mask is not None:
        q, p = _without_padding(q, q, mask), None if p is None else _without_padding(p, q, mask)
    times, states = _tensor(arrays["times"]), _tensor(q)
    known = (None if x is None else _like(_tensor(x), states) for x in (features, mask))
    bodies = Bodies.of(_like(_tensor(mass), states), *known)
    if p is None and not moving and states.shape[1] < 3:
        return Trajectory.of(times, states, torch.zeros_like(states), bodies)
    if p is None:
        return Trajectory.from_positions(times, states, bodies)
    make = Trajectory.of if momentum == "p" else Trajectory.from_velocities
    return make(times, states, _tensor(p).to(states.dtype), bodies)


def _checked_names(arrays: dict[str, np.ndarray]) -> str | None:
    """Return the name of the array of momenta or velocities, or None if there is neither.

    Raises:
        InputError: a name is unknown or missing, or there are several arrays of momenta or velocities.
    """
    for name in arrays:
        if name not in KNOWN:
            raise InputError(f"arrays must be among {', '.join(KNOWN)}, got {name}")
    momenta = [name for name in ("p", *VELOCITY_NAMES) if name in arrays]
    if len(momenta) > 1:
        raise InputError(f"arrays must hold one of p, {', '.join(VELOCITY_NAMES)}, got {', '.join(momenta)}")
    for name in ("times", "q"):
        if name not in arrays:
            raise InputError(f"array {name} must be there, got only {', '.join(arrays) or 'none'}")
    return momenta[0] if momenta else None


def _inferred(arrays: dict[str, np.ndarray], q: np.ndarray, momentum: str | None, masses: str) -> np.ndarray:
    """Infer masses (n,) from the motion; raise InputError unless the group `masses` is given and that is possible."""
    if not masses or momentum == "p":
        raise InputError(
            f"array mass must be there, got only {', '.join(arrays)}; from positions or velocities their ratios "
            'can be inferred: lieham.read(path, masses="SE(2)"), --masses "SE(2)" on the command line, where SE(2) is '
            "the symmetry of the motion"
        )
    if "mask" in arrays:
        raise InputError("array mass must be there where mask is: masses are inferred of bodies that are all real")
    velocity = None if momentum is None else torch.from_numpy(_with_batch(momentum, arrays[momentum]))
    found = infer_masses(torch.from_numpy(arrays["times"]), torch.from_numpy(q), velocity, group=masses)
    return found.mass.numpy()


def _numeric(name: str, value: np.ndarray) -> np.ndarray:
    value = np.asarray(value)
    if name == "times":
        return _numbers_of_time(value)
    if value.dtype.kind not in "fiub":
        raise expected(f"array {name}", "of real numbers", f"dtype {value.dtype}")
    if value.size == 0 and name != "features":
        raise expected(f"array {name}", "not empty", f"shape {value.shape}")
    if name == "mask":
        if not np.isin(value, (0, 1)).all():
            raise expected("array mask", "of True and False, or 1 and 0", value[~np.isin(value, (0, 1))][0])
        return value.astype(bool)
    return value if value.dtype in (np.float32, np.float64) else value.astype(np.float64)


def _numbers_of_time(value: np.ndarray) -> np.ndarray:
    """Return times as float32, float64 or int64; raise InputError where their steps would change by that."""
    if value.dtype.kind in "mM":
        remedy = "numbers such as (t - t[0]) / np.timedelta64(1, 's')"
        raise expected("array times", f"of real numbers, for calendar times {remedy}", f"dtype {value.dtype}")
    if value.dtype.kind not in "fiu":
        raise expected("array times", "of real numbers", f"dtype {value.dtype}")
    if value.size == 0:
        raise expected("array times", "not empty", f"shape {value.shape}")
    if value.dtype.kind == "u":
        if value.max() > np.iinfo(np.int64).max:
            raise expected("array times", "integers below 2**53, or times less their first", value.max())
        return value.astype(np.int64)
    if value.dtype.kind == "i":
        return value.astype(np.int64)
    if value.dtype.itemsize <= 4:
        return value.astype(np.float32)
    found = value.astype(np.float64)
    if value.dtype.itemsize > 8 and not np.allclose(np.diff(found), np.diff(value), rtol=1e-6, atol=0):
        raise expected("array times", "times less their first", f"steps of {np.diff(value).min():g} lost in float64")
    return found


def _with_batch(name: str, x: np.ndarray) -> np.ndarray:
    if x.ndim not in (3, 4):
        raise expected(name, "of shape (trajectories, time, n, d) or (time, n, d)", x.shape)
    return x[None] if x.ndim == 3 else x


def _per_system(name: str, x: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if x.shape not in (shape, shape[1:]):
        raise expected(name, f"of shape {shape} or {shape[1:]} like q", x.shape)
    return np.broadcast_to(x, shape)


def _features(x: np.ndarray, k: int, n: int) -> np.ndarray:
    if x.shape[:-1] not in ((k, n), (n,)):
        raise expected("features", f"of shape ({k}, {n}, c) or ({n}, c) like q", x.shape)
    return np.broadcast_to(x, (k, n, x.shape[-1]))


def _without_padding(x: np.ndarray, q: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return states with 0 for padded bodies. A shape that is not that of q is returned as it is, and refused later."""
    return np.where(mask[:, None, :, None], x, 0.0) if x.shape == q.shape else x


def _tensor(x: np.ndarray) -> Tensor:
    """Return the array as a tensor; it is copied if it is a view that several systems share, or not contiguous."""
    return torch.from_numpy(np.require(x, requirements=["C", "W"]))


def _like(x: Tensor, q: Tensor) -> Tensor:
    """Return x in the precision of q, unless x is a mask."""
    return x.to(q.dtype) if x.is_floating_point() else x
