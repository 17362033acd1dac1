"""torchdiffeq offers Gauss-Legendre methods, as in `odeint(func, y0, t, method="gauss4")`, after `register`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import torch
from torchdiffeq._impl.odeint import SOLVERS
from torchdiffeq._impl.solvers import FixedGridODESolver

from lieham.integrate.collocation import Stages, solve_stages
from lieham.integrate.gauss import Gauss, Gauss2, Gauss4, Gauss6, tableau
from lieham.typing import Tensor


class _GaussSolver(FixedGridODESolver):
    """A Gauss solver steps on torchdiffeq's grid, with its options step_size, grid_constructor and interp.

    torchdiffeq passes a function of one time and one state whose axes have no meaning, so the stages are evaluated one
    by one, and the state counts as one trajectory. Gradients of odeint follow from the implicit function theorem.
    """

    method: ClassVar[type[Gauss]]

    def _step_func(
        self, func: Callable[..., Tensor], t0: Tensor, dt: Tensor, t1: Tensor, y0: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the change of y over the step, and f(t0, y0), which cubic interpolation uses."""
        before = func(t0, y0)
        if y0.numel() == 0:
            return dt * before, before
        row = y0.reshape(1, -1)
        real = row.abs().dtype
        A, b, c = tableau(self.method, real, y0.device)

        def rates(clock: Tensor, stages: Tensor) -> Tensor:
            each = zip(clock.flatten(), stages, strict=True)
            return torch.stack([func(t, y.reshape(y0.shape)).reshape(1, -1) for t, y in each])

        guess = before.detach().reshape(1, 1, -1).expand(len(b), -1, -1)
        k = solve_stages(rates, row, t0, dt.to(real), guess, Stages(A.to(y0.dtype), c, self.method.name))
        return (dt * torch.tensordot(b.to(y0.dtype), k, 1)).reshape(y0.shape), before


def register() -> None:
    """Offer gauss2, gauss4 and gauss6 to `torchdiffeq.odeint` and its adjoint, by these names.

    torchdiffeq 0.2.5 has no public way to add a method, so this writes into its table of solvers, which is private.
    For that reason it happens at the caller's request only. A second call changes nothing.

    Example:
        >>> import torch
        >>> from torchdiffeq import odeint
        >>> register()
        >>> t = torch.linspace(0, 1, 11, dtype=torch.float64)
        >>> y = odeint(lambda t, y: -y, torch.ones(1, dtype=torch.float64), t, method="gauss4")
        >>> f"{y[-1].item():.6f}"  # exp(-1)
        '0.367879'
    """
    for method in (Gauss2, Gauss4, Gauss6):
        if method.name in SOLVERS:
            continue
        members = {"order": method.order, "method": method, "__doc__": method.__doc__}
        SOLVERS[method.name] = type(method.__name__, (_GaussSolver,), members)
