"""The range of training: which bodies, distances and speeds a model has seen, and what lies outside of them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import nn

from lieham.errors import LiehamWarning
from lieham.groups import Group, Translation
from lieham.groups.algebra import contains
from lieham.state import Trajectory
from lieham.typing import Tensor

MARGIN = 0.1
"""Masses and features count as trained if they are beyond the range by at most this share of its width."""
FACTOR = 2.0
"""Distances and speeds count as trained within this factor of the range."""
START = "the start"
"""A sentence on the first state says so in these words."""
CHUNK = 2_000_000
"""About how many pairs are looked at together."""


class Extreme(NamedTuple):
    """The least or the greatest number of some, and where it is."""

    value: float
    system: int
    step: int
    bodies: tuple[int, ...]


class TrainedRange(nn.Module):
    """A memory of the least and the greatest number of bodies, masses, features, distances, speeds and coordinates.

    They are buffers, so they are saved with the model. Before any training they are (∞, −∞), and nothing is outside.

    Args:
        features: the number of features that a body has beside its mass.
        dim: the dimension of space.
    """

    count: Tensor
    mass: Tensor
    distance: Tensor
    speed: Tensor
    feature: Tensor
    coordinate: Tensor

    def __init__(self, features: int, dim: int):
        super().__init__()
        rows = {"count": (), "mass": (), "distance": (), "speed": (), "feature": (features,), "coordinate": (dim,)}
        for name, shape in rows.items():
            empty = torch.tensor([torch.inf, -torch.inf], dtype=torch.float64).expand(*shape, 2).clone()
            self.register_buffer(name, empty)

    @torch.no_grad()
    def extend(self, data: Trajectory) -> None:
        """Extend the range by trajectories (b, time, n, d) of training."""
        mask = data.bodies.mask
        self._widen("count", mask.sum(-1).to(data.q.dtype))
        self._widen("mass", data.bodies.mass[mask])
        for k in range(data.bodies.features.shape[-1]):
            self._widen("feature", data.bodies.features[..., k][mask], k)
        real = mask[:, None].expand(data.q.shape[:-1])
        for k in range(data.dim):
            self._widen("coordinate", data.q[..., k][real], k)
        self._widen("speed", _speeds(data)[real])
        for _, _, distance in _distances(data):
            self._widen("distance", distance[distance.isfinite()])

    def _widen(self, name: str, values: Tensor, *row: int) -> None:
        if values.numel():
            own = getattr(self, name)[row] if row else getattr(self, name)
            own[0], own[1] = torch.minimum(own[0], values.min()), torch.maximum(own[1], values.max())

    @torch.no_grad()
    def bodies_outside(self, data: Trajectory) -> list[str]:
        """Return sentences on the numbers of bodies, the masses and the features that training did not see.

        Args:
            data: trajectories (b, time, n, d), of which only the bodies are looked at.
        """
        mask, bodies = data.bodies.mask, data.bodies
        found = [self._of_count(mask.sum(-1))]
        found.append(_beyond("mass", bodies.mass, mask, self.mass))
        for k in range(bodies.features.shape[-1]):
            found.append(_beyond(f"feature {k}", bodies.features[..., k], mask, self.feature[k]))
        return [x for x in found if x]

    @torch.no_grad()
    def motion_outside(self, data: Trajectory, group: Group | None) -> list[str]:
        """Return sentences on the distances, speeds and places that training did not come near to.

        Args:
            data: trajectories (b, time, n, d).
            group: the symmetry of the model: along directions in which it moves freely, places do not matter.
        """
        return [x for x in (*self._of_distances(data), self._of_speed(data), *self._of_places(data, group)) if x]

    def _of_count(self, counts: Tensor) -> str:
        low, high = (int(x) if x.isfinite() else None for x in self.count)
        off = [] if low is None or high is None else [x for x in counts.tolist() if not low <= x <= high]
        if not off:
            return ""
        trained = f"{low}" if low == high else f"{low} to {high}"
        return f"n = {off[0]} bodies, trained on {trained}; the coupling may depend on n"

    def _of_distances(self, data: Trajectory) -> Iterator[str]:
        low, high = self.distance.tolist()
        if not low <= high or data.q.shape[-2] < 2:
            return
        near, far = _nearest_and_farthest(data)
        if near is not None and near.value < low / FACTOR:
            yield f"{_named(near, data)} come to {near.value:.2g}{_when(near)}, nearest in training {low:.2g}"
        if far is not None and far.value > high * FACTOR:
            yield f"{_named(far, data)} are {far.value:.2g} apart{_when(far)}, farthest in training {high:.2g}"

    def _of_speed(self, data: Trajectory) -> str:
        top = self.speed[1].item()
        speeds = torch.where(data.bodies.mask[:, None], _speeds(data), torch.zeros_like(data.q[..., 0]))
        worst = _extreme(speeds, largest=True)
        if not 0 < top < worst.value / FACTOR:
            return ""
        return f"{_named(worst, data)} has |p|/m = {worst.value:.2g}{_when(worst)}, at most {top:.2g} in training"

    def _of_places(self, data: Trajectory, group: Group | None) -> Iterator[str]:
        free = [False] * data.dim if group is None else contains(group, Translation(data.dim)).tolist()
        size = self.coordinate.abs().max().item()
        for k in (k for k, x in enumerate(free) if not x):
            low, high = self.coordinate[k].tolist()
            if not low <= high:
                continue
            away = (data.q[..., k] - (low + high) / 2).abs().masked_fill(~data.bodies.mask[:, None], 0.0)
            worst = _extreme(away, largest=True)
            if worst.value > FACTOR * (high - low) / 2 + 1e-6 * size:
                value = data.q[worst.system, worst.step, worst.bodies[0], k].item()
                place = f"coordinate {k} of {_named(worst, data)} is {value:.2g}{_when(worst)}"
                yield f"{place}, in training {low:.2g} to {high:.2g}"


def warn_outside(
    known: TrainedRange | None, x: Trajectory, group: Group | None, before: tuple[str, ...] | None = None
) -> tuple[str, ...]:
    """Warn, in one sentence, of what lies outside the range of training; return the sentences of all said so far.

    Args:
        known: the range; None where the model keeps none, and nothing is said.
        x: the initial states where `before` is None, the whole path after that.
        group: the symmetry of the model.
        before: what was said of the initial states.
    """
    if known is None:
        return ()
    found = known.motion_outside(x, group)
    if before is None:
        found = known.bodies_outside(x) + found
    else:
        found = [sentence for sentence in found if f" at {START}" not in sentence]
    if found:
        where = "starts" if before is None else "goes"
        text = f"the forecast {where} outside the range of training: {'; '.join(found)}"
        warnings.warn(text, LiehamWarning, stacklevel=3)
    return (*(before or ()), *found)


def _beyond(what: str, values: Tensor, mask: Tensor, bounds: Tensor) -> str:
    """Return a sentence on the value (b, n) that is farthest beyond the bounds; "" where none is."""
    low, high = bounds.tolist()
    if not low <= high:
        return ""
    slack = MARGIN * (high - low) + 1e-6 * max(abs(low), abs(high))
    off = torch.maximum(values - high, low - values) - slack
    if low > 0:
        off = torch.maximum(off, torch.where(values < low / FACTOR, low - values, -torch.ones_like(values)))
    off = torch.where(mask, off, -torch.ones_like(off))
    if not bool((off > 0).any()):
        return ""
    system, body = divmod(int(off.argmax()), off.shape[-1])
    others = int((off > 0).any(0).sum()) - 1
    more = f" (and of {others} other bod{'y' if others == 1 else 'ies'})" if others else ""
    where = f" in system {system}" if len(values) > 1 else ""
    value = values[system, body].item()
    return f"{what} {value:.3g} of body {body}{where}{more} is beyond the trained {low:.3g} to {high:.3g}"


def _speeds(data: Trajectory) -> Tensor:
    return data.p.norm(dim=-1) / data.bodies.mass[:, None]


def _distances(data: Trajectory) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yield the first step, the pairs (2, k) and the distances (b, steps, k) of a chunk; infinite where padded."""
    n = data.q.shape[-2]
    pairs = torch.triu_indices(n, n, 1, device=data.q.device)
    i, j = pairs
    padded = ~(data.bodies.mask[:, i] & data.bodies.mask[:, j])[:, None]
    width = max(1, CHUNK // max(len(data) * pairs.shape[1], 1))
    for first in range(0, data.q.shape[1] if n > 1 else 0, width):
        q = data.q[:, first : first + width]
        yield first, pairs, (q[..., i, :] - q[..., j, :]).norm(dim=-1).masked_fill(padded, torch.inf)


def _nearest_and_farthest(data: Trajectory) -> tuple[Extreme | None, Extreme | None]:
    near: Extreme | None = None
    far: Extreme | None = None
    for first, pairs, distance in _distances(data):
        low, high = _extreme(distance, False), _extreme(distance.nan_to_num(posinf=-1.0), True)
        for x, is_near in ((low, True), (high, False)):
            i, j = pairs[:, x.bodies[0]].tolist()
            found = Extreme(x.value, x.system, first + x.step, (i, j))
            if is_near and (near is None or found.value < near.value):
                near = found
            if not is_near and (far is None or found.value > far.value):
                far = found
    return near, far


def _extreme(x: Tensor, largest: bool) -> Extreme:
    """Return the least or the greatest of (b, time, k)."""
    at = int(x.argmax() if largest else x.argmin())
    system, rest = divmod(at, x.shape[1] * x.shape[2])
    step, body = divmod(rest, x.shape[2])
    return Extreme(x.flatten()[at].item(), system, step, (body,))


def _named(x: Extreme, data: Trajectory) -> str:
    bodies = " and ".join(map(str, x.bodies))
    where = f" of system {x.system}" if len(data) > 1 else ""
    return f"bod{'ies' if len(x.bodies) > 1 else 'y'} {bodies}{where}"


def _when(x: Extreme) -> str:
    return f" at step {x.step}" if x.step else f" at {START}"
