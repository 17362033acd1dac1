"""Shape aliases: `Float[Tensor, "*batch n d"]` in signatures, checked at run time by the tests only.

jaxtyping is a development dependency. Where it is absent the aliases stand for the bare tensor type.
"""

from __future__ import annotations

from torch import Tensor

try:
    from jaxtyping import Bool, Float, Int
except ModuleNotFoundError:

    class _Unchecked:
        """`Float[Tensor, "..."]` is `Tensor`."""

        def __class_getitem__(cls, item):
            return item[0]

    Bool = Float = Int = _Unchecked

__all__ = ["Bool", "Float", "Int", "Tensor"]
