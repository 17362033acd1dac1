"""The Runge-Kutta-Nyström method integrates forces that do not depend on the velocity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from lieham.errors import InputError
from lieham.integrate.base import Field, SeparableField
from lieham.integrate.fixed import FixedStep, State
from lieham.typing import Float, Tensor


@dataclass(frozen=True)
class RKN4(FixedStep):
    """RKN4 has order 4 with three force evaluations a step, for H = pᵀM⁻¹p/2 + V(q, t).

        F₁ = F(t, q),  F₂ = F(t + h/2, q + h/2 v(p + h/4 F₁)),  F₃ = F(t + h, q + h v(p + h/2 F₂))
        q ← q + h v(p + h/6 (F₁ + 2F₂)),  p ← p + h/6 (F₁ + 4F₂ + F₃)

    The velocity v(p) = M⁻¹p is linear. The method is not symplectic, so angular momentum drifts. `check` raises
    InputError for a field that is not separable or whose velocity is not linear in p.

    E. J. Nyström, Acta Soc. Sci. Fennicae 50 (1925); Hairer, Nørsett, Wanner, Solving Ordinary Differential
    Equations I, §II.14.
    """

    name = "rkn4"
    order = 4
    needs_separable: ClassVar[bool] = True

    def check(self, field: Field) -> None:
        super().check(field)
        if not field.linear_velocity:
            raise InputError(
                "rkn4 needs a velocity linear in p (field.linear_velocity), which "
                f"{type(field).__name__} does not declare: take yoshida4"
            )

    def step(self, field: SeparableField, state: State, t: Float[Tensor, "*clock"], h: float | Tensor) -> State:
        q, p, middle = state.q, state.p, t + h / 2
        f1 = field.force(t, q)
        f2 = field.force(middle, q + field.velocity(t, p + f1 * (h / 4)) * (h / 2))
        f3 = field.force(t + h, q + field.velocity(t, p + f2 * (h / 2)) * h)
        dq = field.velocity(t, p + (f1 + 2 * f2) * (h / 6)) * h
        return state.shift(dq=dq, dp=(f1 + 4 * f2 + f3) * (h / 6))
