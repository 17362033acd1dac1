"""What a user declares is checked: generators must form a Lie algebra, and exp must be their exponential."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from lieham.errors import InputError, expected
from lieham.groups.rotation import rotation_group
from lieham.groups.translation import Translation
from lieham.typing import Float, Tensor

SMALL = 1e-4
"""The derivative of exp at 0 is compared at algebra vectors of this size."""
CLOSE = 1e-6
"""Maps are exact to this much: a wrong one is off by far more, and one that was written in float32 by less."""


def real_numbers(name: str, x: object, wanted: str) -> Tensor:
    """Return a float64 tensor of a tensor, an array, or nested lists of numbers, arrays and tensors.

    Args:
        name: the argument, as the person typed it.
        x: its value.
        wanted: its shape in words, for the message.

    Raises:
        InputError: if these are no finite real numbers, or rows differ in length.
    """
    try:
        found = _tensor(x)
    except (TypeError, ValueError, RuntimeError) as error:
        raise expected(name, f"numbers of shape {wanted}, in a tensor, an array or lists of one length", x) from error
    if found.is_complex():
        raise expected(name, "real", "complex numbers")
    if not bool(torch.isfinite(found).all()):
        raise expected(name, "finite", f"{found[~torch.isfinite(found)][0].item()}")
    return found.double()


def _tensor(x: object) -> Tensor:
    if isinstance(x, (list, tuple)):
        return torch.stack([_tensor(y) for y in x])
    found = torch.as_tensor(x)
    return found if found.is_complex() else found.double()


def check_algebra(A: Float[Tensor, "k d d"], b: Float[Tensor, "k d"], charges: Sequence[str]) -> None:
    """Raise InputError unless the generators are independent and every bracket of two lies in their span.

    The bracket of x ↦ A x + b and x ↦ A'x + b' is x ↦ (AA' − A'A) x + Ab' − A'b. A symmetry that holds for two motions
    holds for their bracket too, so a set without it is not all that it declares.

    Args:
        A: the linear parts.
        b: the translation parts.
        charges: the names of the charges, one for each generator, for the message.
    """
    rows = torch.cat([A.flatten(1), b], 1)
    if int(torch.linalg.matrix_rank(rows)) < len(rows):
        raise InputError(
            f"A and b must be independent generators, got {len(rows)} of which one is a combination of the others or 0"
        )
    for k in range(len(rows)):
        for m in range(k + 1, len(rows)):
            bracket = torch.cat([(A[k] @ A[m] - A[m] @ A[k]).flatten(), A[k] @ b[m] - A[m] @ b[k]])
            if _beside(bracket, rows).norm() > 1e-9 * rows[k].norm() * rows[m].norm():
                what = _in_words(bracket, A.shape[-1])
                raise InputError(
                    f"A and b must be closed under brackets, got {charges[k]} and {charges[m]} without "
                    f"[{charges[k]}, {charges[m]}] = {what}: a symmetry under both holds under it too, so add it as a "
                    "generator, or declare less"
                )


def _beside(row: Tensor, rows: Tensor) -> Tensor:
    """Return the part of a row that is no combination of `rows`."""
    return row - row @ torch.linalg.pinv(rows) @ rows


def _in_words(row: Tensor, d: int) -> str:
    """Return the name of a generator that is a multiple of a translation or a rotation, else its matrix and vector."""
    for group in (Translation(d), *([rotation_group(d)] if d > 1 else [])):
        for name, A, b in zip(group.charges, *group.generators(), strict=True):
            known = torch.cat([A.flatten(), b])
            factor = (row @ known / known.square().sum()).item()
            if factor and bool((row - factor * known).norm() <= 1e-9 * row.norm()):
                size = "" if abs(abs(factor) - 1) < 1e-9 else f"{abs(factor):g} "
                return f"{'−' if factor < 0 else ''}{size}{name}"
    A, b = row[: d * d].view(d, d), row[d * d :]
    return f"(A = {_short(A)}, b = {_short(b)})"


def _short(x: Tensor) -> str:
    """Return a tensor as lists of numbers with 4 digits."""
    return str([float(f"{y:.4g}") for y in x.tolist()]) if x.ndim == 1 else f"[{', '.join(map(_short, x))}]"


def check_maps(name: str, A: Float[Tensor, "k d d"], b: Float[Tensor, "k d"], maps: tuple[Callable, Callable]) -> None:
    """Raise InputError unless exp is the exponential of the generators, and log its inverse near the identity.

    exp is compared with 1 + ε Σ a_k [[A_k, b_k], [0, 0]] at a small ε and with the matrix exponential at a few draws of
    a, and exp(log g) with g = exp(a) at small draws.

    Args:
        name: the name of the group.
        A: the linear parts of its generators.
        b: the translation parts.
        maps: exp and log.
    """
    if not (isinstance(maps, (tuple, list)) and len(maps) == 2 and all(callable(x) for x in maps)):
        raise expected(f"maps of {name}", "a pair of functions (exp, log)", maps)
    k, d = b.shape
    G = torch.zeros(k, d + 1, d + 1, dtype=torch.float64)
    G[:, :d, :d], G[:, :d, d] = A, b
    one, a = torch.eye(d + 1, dtype=torch.float64), _draws(k)
    along = torch.einsum("nk,kij->nij", a, G)
    exp = f"exp of {name}"
    first = _elements(exp, maps[0](SMALL * a), (len(a), d + 1, d + 1)) - one
    _compare(f"{exp}(ε a)", "1 + ε Σ a_k A_k to first order in ε", first / SMALL - along, along, 10 * SMALL, a)
    whole = _elements(exp, maps[0](a), along.shape)
    true = torch.linalg.matrix_exp(along)
    _compare(f"{exp}(a)", "the matrix exponential of its generators", whole - true, true, CLOSE, a)
    near = torch.linalg.matrix_exp(0.3 * along)
    back = _elements(f"log of {name}", maps[1](near), a.shape)
    again = torch.linalg.matrix_exp(torch.einsum("nk,kij->nij", back, G))
    _compare(f"log of {name}, at exp(a),", "such that exp(log g) = g", again - near, near, CLOSE, 0.3 * a)


def _draws(k: int) -> Tensor:
    return torch.randn(5, k, generator=torch.Generator().manual_seed(0), dtype=torch.float64).clamp(-1.5, 1.5)


def _elements(name: str, found: object, shape: Sequence[int]) -> Tensor:
    """Return what a map gave as float64; raise InputError if it is no tensor of that shape."""
    if not isinstance(found, Tensor) or found.shape != tuple(shape):
        got = f"one of {tuple(found.shape)}" if isinstance(found, Tensor) else f"a {type(found).__name__}"
        raise expected(name, f"a function to a tensor of shape {tuple(shape)} for 5 arguments", got)
    return found.detach().double()


def _compare(name: str, wanted: str, off: Tensor, size: Tensor, tolerance: float, a: Tensor) -> None:
    """Raise InputError, with the worst draw, if `off` is not small beside 1 + |size|."""
    worst = (off.abs().amax((1, 2)) / (1 + size.abs().amax((1, 2)))).nan_to_num(torch.inf)
    if bool(worst.max() > tolerance):
        k = int(worst.argmax())
        raise expected(name, wanted, f"an error of {off[k].abs().max().item():.2g} at a = {_short(a[k])}")
