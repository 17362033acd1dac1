"""Fixed-step methods: one loop over the grid, and a `step` for each method."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeVar

from lieham.errors import check_count
from lieham.integrate.base import Field, Integrator, Progress, check_flag
from lieham.integrate.compensated import CompensatedState
from lieham.integrate.grid import TimeGrid, stack
from lieham.state import PhaseState
from lieham.typing import Float, Tensor

State = TypeVar("State", PhaseState, CompensatedState)

CHECK_EVERY = 64
"""Output times between two looks at whether the state is finite: each look makes a GPU wait."""


@dataclass(frozen=True)
class FixedStep(Integrator):
    """A one-step method z_{k+1} = Φ_h(t_k, z_k) on the grid of output times.

    Args:
        substeps: steps of equal width between two output times.
        compensated: carry what rounding takes from q and p (`CompensatedState`); four additions where plain
            summation needs one.

    Raises InputError on other settings.
    """

    substeps: int = 1
    compensated: bool = False

    def __post_init__(self):
        check_count("substeps", self.substeps)
        check_flag("compensated", self.compensated)

    @abstractmethod
    def step(self, field: Field, state: State, t: Float[Tensor, "*clock"], h: float | Tensor) -> State:
        """The state at t + h.

        `t` is a scalar or has shape (*batch, 1, 1); h likewise, or is a float, and may be negative. A step
        moves the state by `state.shift` alone and branches on no value, so torch.func and torch.compile see
        through it.
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
        recent = [PhaseState(*state)]
        moving = CompensatedState.of(recent[0]) if self.compensated else recent[0]
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
