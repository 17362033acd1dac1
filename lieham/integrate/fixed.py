"""Fixed-step methods share one loop over the grid, and each method gives its `step`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from lieham.errors import check_count, check_flag
from lieham.integrate.base import Field, Integrator, Progress
from lieham.integrate.compensated import CompensatedState
from lieham.integrate.grid import TimeGrid, stack
from lieham.state import PhaseState
from lieham.typing import Float, Tensor

State = TypeVar("State", PhaseState, CompensatedState)

CHECK_EVERY = 64
"""The state is checked to be finite once in this many output times, since each check makes a GPU wait."""


@dataclass(frozen=True)
class FixedStep(Integrator):
    """A fixed-step method advances the state by z_{k+1} = Φ_h(t_k, z_k) on the grid of output times.

    Args:
        substeps: number of steps of equal width between two output times.
        compensated: carry the rounding errors of q and p along (`CompensatedState`), which takes four additions where
            plain summation takes one.

    Raises:
        InputError: a setting is of another type or out of range.
    """

    substeps: int = 1
    compensated: bool = False

    def __post_init__(self) -> None:
        check_count("substeps", self.substeps)
        check_flag("compensated", self.compensated)

    @abstractmethod
    def step(self, field: Any, state: State, t: Float[Tensor, "*clock"], h: float | Tensor) -> State:
        """Return the state at t + h.

        A step moves the state by `state.shift` alone and branches on no value, so torch.func and torch.compile see
        through it.

        Args:
            field: a field that `check` accepts; a method that splits H takes a SeparableField.
            state: state at t, q and p of shape (*batch, n, d).
            t: time, a scalar or of shape (*batch, 1, 1); in float64 where a run on a grid calls.
            h: width of the step, a float or a tensor like `t`; it may be negative.
        """

    def integrate(
        self,
        field: Field,
        state: PhaseState,
        times: Float[Tensor, "*grid time"],
        progress: Progress | None = None,
    ) -> PhaseState:
        path = []
        for reached in self.stream(field, state, times):
            path.append(reached)
            if progress is not None and len(path) > 1:
                progress(len(path) - 1, times.shape[-1] - 1)
        return stack(path)

    def stream(self, field: Field, state: PhaseState, times: Float[Tensor, "*grid time"]) -> Iterator[PhaseState]:
        self.check(field)
        grid = TimeGrid.of(times, state)
        start = PhaseState(*state)
        if self.compensated:
            yield from self._run(self._prepared(field, grid), grid, CompensatedState.of(start))
        else:
            yield from self._run(self._prepared(field, grid), grid, start)

    def _prepared(self, field: Field, grid: TimeGrid) -> Field:
        """Return the field that the steps of a run on this grid ask."""
        return grid.prepared(field)

    def _run(self, field: Field, grid: TimeGrid, moving: State) -> Iterator[PhaseState]:
        """Yield the state at every time of the grid, from the first on."""
        recent = [PhaseState(moving.q, moving.p)]
        yield recent[0]
        for i, (t, h) in enumerate(grid.intervals(self.substeps), 1):
            moving = self._advance(field, moving, t, h)
            recent.append(PhaseState(moving.q, moving.p))
            if i == 1:
                grid.check_derivative(*recent[1])
            if i % CHECK_EVERY == 0 or i == len(grid):
                grid.check_finite(recent, i)
                recent.clear()
            yield PhaseState(moving.q, moving.p)

    def _advance(self, field: Field, state: State, t: Tensor, h: float | Tensor) -> State:
        for k in range(self.substeps):
            state = self.step(field, state, t + k * h if k else t, h)
        return state
