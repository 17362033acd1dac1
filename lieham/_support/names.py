"""This module holds names that help texts list, and the decorator that puts them into a docstring.

Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

GROUP_NAMES = (
    *("Trivial(d)", "T(d)", "SO(d)", "SE(d)", "O(d)", "E(d)", "R*(d)", "R*SO(d)", "Sq(d)", "R*Sq(d)", "Helical(c)"),
    "a product such as SE(2)xTrivial(1)",
)
"""These are the names of groups that `groups.make_group` understands."""

METHODS = (
    *("leapfrog", "verlet", "yoshida4", "yoshida6", "rkn4", "gauss2", "gauss4", "gauss6"),
    *("euler", "midpoint", "heun2", "heun3", "rk4", "adaptive_heun", "bosh3", "dopri5", "dopri8"),
)
"""These are the names of all integrators of `integrate.INTEGRATORS`."""

LIFT_NAMES = ("point", "coset", "tensor", "sampled")
"""These are the names of all lifts of `lift.LIFTS`."""

Documented = TypeVar("Documented", bound=type)


def naming(**lists: Sequence[str]) -> Callable[[Documented], Documented]:
    """Decorate a class: replace `{groups}` in its docstring by the names given as `groups`, and so every list.

    Args:
        lists: for each placeholder the names that replace it, which are joined by commas.

    Returns:
        The decorator; it changes nothing but the docstring.

    Example:
        >>> @naming(methods=("euler", "rk4"))
        ... class Settings:
        ...     "A method is one of {methods}."
        >>> Settings.__doc__
        'A method is one of euler, rk4.'
    """

    def decorate(documented: Documented) -> Documented:
        text = documented.__doc__ or ""
        for name, words in lists.items():
            text = text.replace(f"{{{name}}}", ", ".join(words))
        documented.__doc__ = text
        return documented

    return decorate
