"""Models compute in float32 or float64: a conversion to another precision is refused before anything is changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from lieham._support.settings import DTYPES
from lieham.errors import expected
from lieham.typing import Tensor


class FloatModule(nn.Module):
    """A module that refuses `half()`, `bfloat16()` and `to(dtype)` for every precision but float32 and float64.

    Energies are differences of large sums, of which half precision leaves nothing.

    Raises:
        InputError: if the module is converted to another precision; it is then left as it was.

    Example:
        >>> import lieham
        >>> lieham.HLieConv("SE(2)", width=8).half()  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        lieham.errors.InputError: model must be in float32 or float64, got float16: fit...
    """

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        """Convert or move all tensors by `fn`, as `nn.Module` does; first on an empty tensor, to see what it makes."""
        weight = next(self.parameters())
        dtype = fn(torch.empty(0, dtype=weight.dtype, device=weight.device)).dtype
        name = str(dtype).removeprefix("torch.")
        if name not in DTYPES:
            remedy = 'fit(..., products="bfloat16") takes matrix products in half precision'
            raise expected(
                "model", f"in {' or '.join(DTYPES)}", f"{name}: {remedy}" if dtype.is_floating_point else name
            )
        return super()._apply(fn, recurse)
