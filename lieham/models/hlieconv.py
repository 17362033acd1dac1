"""HLieConv: a Hamiltonian whose potential is a LieConv network, invariant under a declared group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from lieham.dynamics.base import Functions
from lieham.dynamics.separable import SeparableHamiltonian
from lieham.groups import Group
from lieham.lift import Lift
from lieham.models.potential import LieConvPotential, make_potential
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Tensor


class HLieConv(SeparableHamiltonian):
    """H(q, p) = Σ |p_i|²/2m_i + V(q), V a LieResNet whose lift makes it invariant under `group`.

    For any weights, trained or not, the charges of the group's isometries (P for T(d), L for SO(d), both for
    SE(d)) are constant along the exact flow, by Noether's theorem, and along any flow of an integrator that
    keeps them. Finzi et al. 2020, arXiv 2002.12880.

    Args:
        group: a name such as "SE(2)", "T(3)", "SO(2)", "Trivial(2)", or a Group.
        features: number of features a body has beside its mass (`data.n_features`).
        width: channels of the residual stream; the convolutions run on a quarter of them.
        blocks: number of blocks. One sums over pairs; each further one lets pairs see their surroundings.
        block: "gated" (the default) or "paper".
        lift: "point", "coset", "edge" (angles, for SE(2) and SE(3)), "sampled" (the paper's, not exact), or a Lift of
            the same group; by default point or coset, whichever the group allows, and for SE(2) and SE(3) `fit` puts
            edge in its place where pairs of up to 8 bodies do not hold the law.
        radius: where the neighbourhood of a body ends, smoothly, in the data's unit of length; by default nowhere.
        fill: the same by the fraction of other bodies within it, measured once on the training data.
        dtype: of the weights; float64 unless told, since conservation to round-off needs it.
        seed: of the initial weights.

    Raises InputError on an unknown group or block, or sizes that are not positive.
    """

    group: Group
    features: int
    potential: LieConvPotential

    def __init__(
        self,
        group: str | Group,
        features: int = 0,
        *,
        width: int = 64,
        blocks: int = 1,
        block: str = "gated",
        lift: str | Lift | dict | None = None,
        radius: float | None = None,
        fill: float | None = None,
        dtype: torch.dtype = torch.float64,
        seed: int = 0,
    ):
        settings = {"width": width, "blocks": blocks, "block": block, "radius": radius, "fill": fill, "dtype": dtype}
        potential, config = make_potential(group, features, 1, lift=lift, seed=seed, **settings)
        super().__init__(potential)
        self.group, self.features, self.config = potential.network.lift.group, features, config
        self._default_lift, self._seed = lift in (None, ""), seed

    def at(self, bodies: Bodies) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
        return self.potential.at(bodies)

    @property
    def exact(self) -> bool:
        """Whether the group's motions leave H unchanged to round-off, not on average alone."""
        return self.potential.network.lift.exact

    def basis(self, state: PhaseState, bodies: Bodies, **columns: Tensor) -> Float[Tensor, "*batch f r"]:
        """∂H/∂θ, θ the weights of the last kernel (see `LieResNet.basis`)."""
        return self.potential.basis(state.q, bodies, **columns)

    def calibrate(self, data: Trajectory) -> None:
        """Measure the units of length, energy and features on training data, the first time it is called."""
        self.potential.calibrate(data)

    def functions(self) -> Functions:
        redraw = None if self.exact else self.potential.network.lift.redraw
        return replace(super().functions(), units=self.potential.units(), redraw=redraw)

    @property
    def lift_is_open(self) -> bool:
        """No lift was asked for, nothing was measured on data yet, and the group has a lift that sees angles."""
        return self._default_lift and not bool(self.potential.calibrated) and self.group.name in ("SE(2)", "SE(3)")

    def see_angles(self) -> None:
        """Put EdgeLift in the place of its lift, with fresh weights and units to be measured anew."""
        weight, lift = next(self.parameters()), {"kind": "edge"} | _neighbourhood(self.config["lift"])
        settings = {k: v for k, v in self.config.items() if k not in ("group", "features", "lift", "dtype")}
        self.potential, self.config = make_potential(
            self.group, self.features, 1, lift=lift, seed=self._seed, dtype=weight.dtype, **settings
        )
        self.to(weight.device)


def _neighbourhood(settings: dict) -> dict:
    """Those settings of a lift that every lift has."""
    return {name: settings[name] for name in ("radius", "fill")}
