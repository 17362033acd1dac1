"""Phase-space states, and the bodies that they belong to.

symbol → variable: q → `q`, p → `p`, m → `mass`; a padded body has `mask` False.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from lieham.errors import expected
from lieham.typing import Bool, Float, Tensor


class PhaseState(NamedTuple):
    """A PhaseState is a point (q, p) of phase space, or a tangent vector (dq, dp) to it.

    It is a NamedTuple, so that torch.func, torch.compile and torchdiffeq see through it.

    Args:
        q: positions (*batch, n, d).
        p: momenta (*batch, n, d).

    Example:
        >>> import torch
        >>> state = PhaseState(torch.zeros(2, 3), torch.ones(2, 3))
        >>> state.shift(dq=0.5 * state.p).q.tolist()
        [[0.5, 0.5, 0.5], [0.5, 0.5, 0.5]]
    """

    q: Float[Tensor, "*batch n d"]
    p: Float[Tensor, "*batch n d"]

    def shift(self, dq: Tensor | None = None, dp: Tensor | None = None) -> PhaseState:
        """Return (q + dq, p + dp). Integrators move states by this method alone (see `integrate.compensated`)."""
        return PhaseState(self.q if dq is None else self.q + dq, self.p if dp is None else self.p + dp)

    def to(self, *args: Any, **kwargs: Any) -> PhaseState:
        """Move or cast both tensors as `Tensor.to` does."""
        return PhaseState(self.q.to(*args, **kwargs), self.p.to(*args, **kwargs))


@dataclass(frozen=True)
class Bodies:
    """Bodies are what a system consists of, apart from where they are. Build them with `Bodies.of`, which validates.

    Args:
        mass: masses (*batch, n), positive.
        features: charges, spring constants and the like, (*batch, n, c); c may be 0.
        mask: the padding mask (*batch, n): True where a body is real.

    Example:
        >>> import torch
        >>> bodies = Bodies.of(torch.tensor([1.0, 2.0, 0.0]), mask=torch.tensor([True, True, False]))
        >>> bodies.mass.tolist(), tuple(bodies.features.shape)
        ([1.0, 2.0, 1.0], (3, 0))
    """

    mass: Float[Tensor, "*batch n"]
    features: Float[Tensor, "*batch n c"]
    mask: Bool[Tensor, "*batch n"]

    @classmethod
    def of(cls, mass: Tensor, features: Tensor | None = None, mask: Tensor | None = None) -> Bodies:
        """Validate bodies; padded ones get mass 1 and features 0.

        Args:
            mass: (*batch, n).
            features: (*batch, n, c); None for c = 0.
            mask: (*batch, n), True where a body is real; None where all are.

        Raises:
            InputError: shapes do not fit, a mass is not finite and positive, a feature is not finite, or a system has
                no real body.
        """
        if mask is None:
            mask = torch.ones_like(mass, dtype=torch.bool)
        features = mass.new_zeros(*mass.shape, 0) if features is None else features
        if mask.shape != mass.shape or mask.dtype != torch.bool:
            raise expected("mask", f"bool of shape {tuple(mass.shape)} like mass", shape_of(mask))
        if features.shape[:-1] != mass.shape:
            raise expected("features", f"of shape {tuple(mass.shape)} + (c,) like mass", shape_of(features))
        if not bool(mask.any(-1).all()):
            raise expected("mask", "True for at least one body of each system", "a system without bodies")
        mass = torch.where(mask, mass, torch.ones_like(mass))
        features = torch.where(mask[..., None], features, torch.zeros_like(features))
        if not bool((torch.isfinite(mass) & (mass > 0)).all()):
            bad = mass[~(torch.isfinite(mass) & (mass > 0))][0].item()
            raise expected("mass", "finite and positive for every body", f"{bad:g}")
        check_all_finite("features", features)
        return cls(mass, features, mask)

    def map(self, f: Callable[..., Tensor]) -> Bodies:
        """Apply `f` to each of the three tensors."""
        return Bodies(f(self.mass), f(self.features), f(self.mask))

    def to(self, device: torch.device | str | None = None, dtype: torch.dtype | None = None) -> Bodies:
        """Move all tensors to a device and cast those that are floating."""
        mass, features = (x.to(device=device, dtype=dtype) for x in (self.mass, self.features))
        return Bodies(mass, features, self.mask.to(device=device))

    def over_time(self) -> Bodies:
        """Insert a time axis of length 1 before the bodies, so that they fit states (*batch, time, n, d)."""
        return Bodies(self.mass.unsqueeze(-2), self.features.unsqueeze(-3), self.mask.unsqueeze(-2))


def shape_of(x: Tensor) -> str:
    """Return the shape of a tensor, and whether it is bool, in words."""
    return f"{tuple(x.shape)}" if x.dtype != torch.bool else f"bool {tuple(x.shape)}"


def check_all_finite(name: str, x: Tensor) -> None:
    """Raise InputError where a tensor holds a number that is not finite."""
    if len(bad := (~torch.isfinite(x)).nonzero()):
        where = tuple(bad[0].tolist())
        raise expected(name, "finite", f"{x[where].item()} at index {where}")
