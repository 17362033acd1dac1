"""The table of all methods finds each of them by its name."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from inspect import signature

from lieham.errors import InputError, check_choice, expected
from lieham.integrate.base import Field, Integrator, Progress
from lieham.integrate.gauss import Gauss2, Gauss4, Gauss6
from lieham.integrate.nystrom import RKN4
from lieham.integrate.splitting import Leapfrog, Verlet, Yoshida4, Yoshida6
from lieham.integrate.torchdiffeq_adapter import (
    RK4,
    AdaptiveHeun,
    Bosh3,
    Dopri5,
    Dopri8,
    Euler,
    Heun2,
    Heun3,
    Midpoint,
)
from lieham.state import PhaseState
from lieham.typing import Float, Tensor

_METHODS = (
    *(Leapfrog, Verlet, Yoshida4, Yoshida6, RKN4),
    *(Gauss2, Gauss4, Gauss6),
    *(Euler, Midpoint, Heun2, Heun3, RK4),
    *(AdaptiveHeun, Bosh3, Dopri5, Dopri8),
)

INTEGRATORS: dict[str, Callable[..., Integrator]] = {method.name: method for method in _METHODS}
"""Each name leads to a class; the settings of a method are the arguments of its class."""

_REMEDIES = {
    "rtol": "its step is the grid's: raise substeps, or take an adaptive method such as dopri5",
    "atol": "its step is the grid's: raise substeps, or take an adaptive method such as dopri5",
    "substeps": "it chooses its own steps: lower rtol and atol instead",
    "compensated": "take a method that sums with compensation, such as yoshida4",
    "adjoint": "its gradients are those of its own steps: leave adjoint out, or take rk4 or dopri5",
}


def make_integrator(method: str | Integrator, **settings: object) -> Integrator:
    """Return the integrator of this name with these settings.

    Args:
        method: a name in `INTEGRATORS`, or an Integrator, which is returned as it is.
        settings: arguments of the method's class, such as `substeps`, `compensated`, `rtol` or `adjoint`.

    Raises:
        InputError: the name is unknown, or the method does not have one of the settings; the message names a remedy.

    Example:
        >>> make_integrator("yoshida4", substeps=2)
        Yoshida4(substeps=2, compensated=False)
    """
    if isinstance(method, Integrator):
        if settings:
            raise InputError(f"settings ({', '.join(settings)}) belong to the integrator given: set them there")
        return method
    if not isinstance(method, str):
        raise expected("method", "a name or an Integrator", repr(method))
    make = INTEGRATORS[check_choice("method", method, tuple(INTEGRATORS))]
    known = tuple(signature(make).parameters)
    for name in settings:
        if name not in known:
            remedy = f": {_REMEDIES[name]}" if name in _REMEDIES else ""
            raise InputError(f"{method} has no setting {name} (it has {', '.join(known)}){remedy}")
    return make(**settings)


def integrator_of(attributes: Mapping[str, object]) -> Integrator:
    """Return the integrator that a forecast was made with, from the attributes that it keeps.

    Args:
        attributes: those of a forecast: `method`, its name, and `settings`, the integrator as it prints itself.

    Returns:
        The integrator with its settings, or with default ones where no settings are kept.

    Raises:
        InputError: the method or one of its settings is none that is known here.

    Example:
        >>> integrator_of({"method": "yoshida4", "settings": "Yoshida4(substeps=4, compensated=True)"})
        Yoshida4(substeps=4, compensated=True)
    """
    method, text = str(attributes.get("method")), str(attributes.get("settings", "()"))
    check_choice("method of the forecast", method, tuple(INTEGRATORS))
    try:
        call = ast.parse("f" + text[text.index("(") :], mode="eval").body
        settings = {str(word.arg): ast.literal_eval(word.value) for word in getattr(call, "keywords", ())}
    except (ValueError, SyntaxError) as error:
        raise expected("settings of the forecast", "an integrator such as Yoshida4(substeps=4)", repr(text)) from error
    return make_integrator(method, **settings)


def integrate(
    field: Field,
    state: PhaseState,
    times: Float[Tensor, "*grid time"],
    method: str | Integrator = "yoshida4",
    progress: Progress | None = None,
    **settings: object,
) -> PhaseState:
    """Move a state along a grid of times with a method that is given by name.

    Args:
        field: vector field that moves the state.
        state: initial state, q and p of shape (*batch, n, d), at the first time.
        times: output times of shape (time,) or (*batch, time), strictly increasing or strictly decreasing.
        method: a name in `INTEGRATORS`, or an Integrator.
        progress: function that is called with (output times reached, all of them) during the integration.
        settings: settings of the method, as `make_integrator` takes them.

    Returns:
        States of shape (*batch, time, n, d), of which the first is `state`.

    Raises:
        InputError: the method, its settings, the times or the field do not fit.
        IntegrationError: the state leaves the finite numbers, or the method does not converge.
    """
    return make_integrator(method, **settings).integrate(field, state, times, progress)
