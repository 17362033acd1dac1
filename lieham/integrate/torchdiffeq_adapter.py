"""Runge-Kutta methods of torchdiffeq obey the contract of this library here.

Three methods of torchdiffeq 0.2.5 are not offered, by measurements on a pendulum: `explicit_adams` (order up to 12)
diverges at h·ω = 0.03, the iteration of `implicit_adams` gives up with a warning and its coefficients hold on even
grids alone, and the error of `fehlberg2` is a thousand times its tolerance.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from math import isfinite
from typing import Any, ClassVar

import torch
from torchdiffeq import odeint, odeint_adjoint

from lieham.errors import IntegrationError, check_count, check_flag, expected
from lieham.integrate.base import Field, Integrator, Progress
from lieham.integrate.grid import TimeGrid, stack
from lieham.integrate.torchdiffeq_motions import Course, IntervalMotion, WholeMotion
from lieham.state import PhaseState
from lieham.typing import Float, Tensor


@dataclass(frozen=True)
class TorchDiffEq(Integrator):
    """A solver of torchdiffeq (Chen et al., arXiv 1806.07366) is offered under its name there.

    On a shared grid the solver runs once over all times. Where trajectories have grids of their own it runs interval by
    interval, each scaled to s ∈ [0, 1]. Gradients come by torch.autograd, since torch.func does not see through
    torchdiffeq's adaptive solvers. `integrate` raises IntegrationError when steps underflow.

    Args:
        adjoint: take gradients by integrating the adjoint equation backwards, in memory that does not grow with the
            steps. They reach the initial state and `field.parameters()` and nothing else, and are as accurate as the
            integration.
    """

    adjoint: bool = False
    by_interval: ClassVar[bool] = False

    def __post_init__(self) -> None:
        check_flag("adjoint", self.adjoint)

    @abstractmethod
    def _settings(self, t: Float[Tensor, " points"]) -> dict[str, Any]:
        """Return the keyword arguments of odeint on the grid `t`."""

    def integrate(
        self,
        field: Field,
        state: PhaseState,
        times: Float[Tensor, "*grid time"],
        progress: Progress | None = None,
    ) -> PhaseState:
        self.check(field)
        grid = TimeGrid.of(times, state)
        motion = Course(field, grid, progress)
        whole = grid.shared and not self.by_interval
        path = self._whole(motion, state) if whole else self._intervals(motion, state)
        grid.check_path(path)
        motion.reached(len(grid))
        return path

    def _whole(self, motion: Course, state: PhaseState) -> PhaseState:
        whole = WholeMotion(motion)
        path = self._solve(motion, whole, state, whole.elapsed.to(state.q.device))
        return PhaseState(*(x.movedim(0, -3) for x in path))

    def _intervals(self, motion: Course, state: PhaseState) -> PhaseState:
        path = [PhaseState(*state)]
        unit = torch.tensor([0.0, 1.0], dtype=torch.float64, device=state.q.device)
        for i, (t, h) in enumerate(motion.grid.intervals(), 1):
            ends = self._solve(motion, IntervalMotion(motion, t, h), path[-1], unit)
            path.append(PhaseState(*(x[1] for x in ends)))
            motion.reached(i)
        return stack(path)

    def _solve(
        self, motion: Course, function: WholeMotion | IntervalMotion, state: PhaseState, t: Float[Tensor, " points"]
    ) -> tuple[Tensor, Tensor]:
        settings = {"method": self.name, **self._settings(t)}
        try:
            if self.adjoint:
                parameters = tuple(motion.field.parameters())
                return odeint_adjoint(function, tuple(state), t, adjoint_params=parameters, **settings)
            return odeint(function, tuple(state), t, **settings)
        except AssertionError as error:
            if not str(error).startswith(("underflow in dt", "non-finite values")):
                raise
            raise self._stuck(motion) from error

    def _stuck(self, motion: Course) -> IntegrationError:
        times = dict.fromkeys(f"{t.item():g}" for t in (motion.time.min(), motion.time.max()))
        return IntegrationError(
            f"{self.name} came to a halt near t = {' to '.join(times)}: no step is small enough for its "
            "tolerance. Raise rtol and atol, use float64, or look for a singularity of the field there"
        )


@dataclass(frozen=True)
class FixedGrid(TorchDiffEq):
    """A fixed-grid method goes from each output time to the next in steps of fixed width.

    Args:
        substeps: number of steps of equal width between two output times.
    """

    substeps: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("substeps", self.substeps)

    def _settings(self, t: Float[Tensor, " points"]) -> dict[str, Any]:
        # torchdiffeq's step_size option would interpolate the output times between its steps.
        return {"options": {"grid_constructor": lambda f, z, times: refined(times, self.substeps)}}


def refined(times: Float[Tensor, " points"], parts: int) -> Float[Tensor, " finer"]:
    """Return the grid with each interval divided into equal `parts`; the given points keep their values."""
    fractions = torch.arange(parts, dtype=times.dtype, device=times.device) / parts
    inner = times[:-1, None] + times.diff()[:, None] * fractions
    return torch.cat([inner.flatten(), times[-1:]])


class Euler(FixedGrid):
    """Explicit Euler has order 1; it is the negative control of every conservation claim."""

    name = "euler"
    order = 1


class Midpoint(FixedGrid):
    """The explicit midpoint rule has order 2."""

    name = "midpoint"
    order = 2


class Heun2(FixedGrid):
    """The explicit trapezoidal rule has order 2."""

    name = "heun2"
    order = 2


class Heun3(FixedGrid):
    """Heun's third-order method has three stages."""

    name = "heun3"
    order = 3


class RK4(FixedGrid):
    """Kutta's 3/8 rule has order 4; it is not the classical rule with halves."""

    name = "rk4"
    order = 4


@dataclass(frozen=True)
class Adaptive(TorchDiffEq):
    """An adaptive method chooses its steps so that an estimate of the local error stays below atol + rtol |z|.

    The estimate is a root mean square over the whole batch, so all trajectories take the same steps, and one hard
    trajectory shortens them for all.

    Args:
        rtol, atol: relative and absolute tolerance of a step, positive.
    """

    rtol: float = 1e-6
    atol: float = 1e-8

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, value in (("rtol", self.rtol), ("atol", self.atol)):
            if not (isinstance(value, int | float) and isfinite(value) and value > 0):
                raise expected(name, "a positive number", repr(value))

    def _settings(self, t: Float[Tensor, " points"]) -> dict[str, Any]:
        # A step that meets one of many `step_t` by chance makes torchdiffeq miss all later ones; one is safe.
        options = {"step_t": t} if len(t) == 2 else {}
        return {"rtol": self.rtol, "atol": self.atol, "options": options}


class AdaptiveHeun(Adaptive):
    """Heun's method of order 2 has an error estimate of order 1."""

    name = "adaptive_heun"
    order = 2


class Bosh3(Adaptive):
    """Bogacki and Shampine's pair has orders 3 and 2; it ends a step at each output time (see `Dopri8`)."""

    name = "bosh3"
    order = 3
    by_interval = True


class Dopri5(Adaptive):
    """Dormand and Prince's pair has orders 5 and 4; output times are interpolated to order 4."""

    name = "dopri5"
    order = 5


class Dopri8(Adaptive):
    """Dormand and Prince's high-order pair has orders 8 and 7.

    It ends a step at each output time. torchdiffeq would interpolate there to order 4, which costs three
    digits: 1.8e-7 for a tolerance of 1e-10 on a pendulum.
    """

    name = "dopri8"
    order = 8
    by_interval = True
