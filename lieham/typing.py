"""Shape aliases such as `Float[Tensor, "*batch n d"]` stand in signatures; only the tests check them at run time.

jaxtyping is a development dependency. A static type checker, and a run where jaxtyping is absent, read the aliases as
the bare tensor type.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch import Tensor

if TYPE_CHECKING:
    from typing import Annotated as Bool
    from typing import Annotated as Float
    from typing import Annotated as Int
else:
    try:
        from jaxtyping import Bool, Float, Int
    except ModuleNotFoundError:

        class _Unchecked:
            """`Float[Tensor, "..."]` is `Tensor`."""

            def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
                return item[0]

        Bool = Float = Int = _Unchecked

__all__ = ["Bool", "Float", "Int", "Tensor"]
