"""The grid of output times is validated once and is the same for every integrator."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from lieham.errors import InputError, IntegrationError, expected
from lieham.integrate.base import Field, InStatePrecision
from lieham.state import PhaseState
from lieham.typing import Bool, Float, Tensor


@dataclass(frozen=True)
class TimeGrid:
    """A TimeGrid holds the output times of a batch of trajectories; build it with `TimeGrid.of`, which validates.

    `times` is float64 on the CPU, of shape (time,) when all trajectories share one grid and (*batch, time) when they do
    not. Steps are differences of times, which would lose digits late in a long run in float32, so they are formed first
    and rounded to the dtype of the state after. `start` is the initial state; the times that a field receives are
    float64 on its device.
    """

    times: Float[Tensor, "*grid time"]
    start: PhaseState

    @classmethod
    def of(cls, times: Float[Tensor, "*grid time"], state: PhaseState) -> TimeGrid:
        """Check the grid and the initial state against each other, and return the grid.

        Args:
            times: output times of shape (time,) or (*batch, time), finite, without gradient, and strictly increasing or
                strictly decreasing in each row.
            state: initial state, finite, with q and p of shape (*batch, n, d).

        Raises:
            InputError: the times or the state are otherwise.
        """
        _check_state(state)
        _check_times(times, state.q.shape[:-2])
        grid = times.detach().to("cpu", torch.float64)
        rows = grid.reshape(-1, grid.shape[-1])
        return cls(rows[0] if bool((rows == rows[0]).all()) else grid, state)

    @property
    def shared(self) -> bool:
        """Return whether all trajectories have the same times."""
        return self.times.ndim == 1

    def __len__(self) -> int:
        """Return the number of intervals."""
        return self.times.shape[-1] - 1

    def intervals(self, parts: int = 1) -> Iterator[tuple[Tensor, float | Tensor]]:
        """Yield (t, h) for each interval: its start, and its width divided by `parts`.

        The start t is float64. On a shared grid it has shape () and h is a float, which saves one kernel for every
        product with it. Otherwise both have shape (*batch, 1, 1), and h has the dtype of the state.
        """
        widths = self.times.diff(dim=-1) / parts
        if self.shared:
            return zip(self._beside_state(self.times[:-1]).unbind(), widths.tolist(), strict=True)
        starts, widths = self._beside_state(self.times[..., :-1]), self._beside_state(widths).to(self.start.q.dtype)
        return zip(*(x[..., None, None].unbind(-3) for x in (starts, widths)), strict=True)

    def prepared(self, field: Field) -> Field:
        """Return the field with rates in the dtype of the state, where the times of this grid would raise it."""
        return field if self.shared or self.start.q.dtype == self.times.dtype else InStatePrecision(field)

    def check_derivative(self, q: Tensor, p: Tensor) -> None:
        """Raise InputError when a field has changed the shape or dtype of the state."""
        for name, x, x0 in zip("qp", (q, p), self.start, strict=True):
            if x.shape != x0.shape or x.dtype != x0.dtype:
                wanted = f"of shape {tuple(x0.shape)} and {x0.dtype} like the state"
                raise expected(f"what the field adds to {name}", wanted, f"{tuple(x.shape)} and {x.dtype}")

    def check_finite(self, recent: Sequence[PhaseState], last: int) -> None:
        """Raise IntegrationError when the last of the `recent` states, whose number is `last`, is not finite.

        One state is enough, since inf and NaN do not go away; so a GPU waits for one number at a call.
        """
        if not bool(_finite(recent[-1]).all()):
            bad = ~torch.stack([_finite(state) for state in recent])
            raise self._left(bad.reshape(len(recent), -1), last - len(recent) + 1)

    def check_path(self, path: PhaseState) -> None:
        """Raise IntegrationError when a state of a whole path (*batch, time, n, d) is not finite."""
        finite = _finite(path)
        if not bool(finite.all()):
            raise self._left(~finite.reshape(-1, finite.shape[-1]).T, 0)

    def _left(self, bad: Bool[Tensor, "time rows"], first: int) -> IntegrationError:
        i, row = bad.nonzero()[0].tolist()
        i = max(i + first, 1)
        times = self.times if self.shared else self.times.reshape(-1, self.times.shape[-1])[row]
        return IntegrationError(
            f"the state left the finite numbers between t = {times[i - 1]:g} and t = {times[i]:g} "
            f"(trajectory {row}): take smaller steps, or look for a singularity of the field there"
        )

    def _beside_state(self, x: Tensor) -> Tensor:
        return x.to(self.start.q.device)


def stack(path: Sequence[PhaseState]) -> PhaseState:
    """Join states along time into one of shape (*batch, time, n, d)."""
    return PhaseState(*(torch.stack(x, dim=-3) for x in zip(*path, strict=True)))


def _finite(state: PhaseState) -> Tensor:
    return (torch.isfinite(state.q) & torch.isfinite(state.p)).all(-1).all(-1)


def _check_state(state: PhaseState) -> None:
    q, p = state
    if q.ndim < 2 or not q.is_floating_point():
        raise expected("q", "a floating tensor of shape (*batch, n, d)", f"{tuple(q.shape)} of {q.dtype}")
    if p.shape != q.shape or p.dtype != q.dtype:
        raise expected("p", f"of shape {tuple(q.shape)} and {q.dtype} like q", f"{tuple(p.shape)} and {p.dtype}")
    for name, x in zip("qp", state, strict=True):
        if not bool(torch.isfinite(x).all()):
            where = tuple((~torch.isfinite(x)).nonzero()[0].tolist())
            raise expected(f"initial {name}", "finite", f"{x[where].item()} at index {where}")


def _check_times(times: Tensor, batch: torch.Size) -> None:
    if not times.is_floating_point():
        raise expected("times", "a floating tensor", times.dtype)
    if times.requires_grad:
        raise InputError("times must not require grad: steps are constants; detach them")
    if times.shape[:-1] not in ((), batch) or times.ndim == 0 or times.shape[-1] == 0:
        wanted = " or ".join(dict.fromkeys(_shape(x) for x in ((), batch)))
        raise expected("times", f"of shape {wanted}", tuple(times.shape))
    if not bool(torch.isfinite(times).all()):
        raise expected("times", "finite", times[~torch.isfinite(times)][0].item())
    steps = times.diff(dim=-1).sign()
    wrong = (steps == 0) | (steps != steps[..., :1])
    if bool(wrong.any()):
        where = tuple(wrong.nonzero()[0].tolist())
        raise expected("times", "strictly increasing or strictly decreasing", f"a step that is not, at index {where}")


def _shape(batch: Sequence[int]) -> str:
    return f"({', '.join([*map(str, batch), 'time'])})" if batch else "(time,)"
