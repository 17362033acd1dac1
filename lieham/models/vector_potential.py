"""`VectorPotentialLieConv` learns bodies in a vector potential, such as charges in a magnetic field."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import torch

from lieham._support.settings import changed
from lieham.dynamics.base import Functions
from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.hamiltonian import Hamiltonian
from lieham.dynamics.trained_range import TrainedRange
from lieham.dynamics.uniform_field import declaration
from lieham.errors import InputError, expected
from lieham.groups import Group, make_group
from lieham.lift import Pairs
from lieham.models.config import ModelConfig
from lieham.models.dictionary import dictionary_of
from lieham.models.potential import make_potential, saved_settings
from lieham.nn import LieResNet
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Int, Tensor

BASES = 6
"""The radial functions have this many scales: each output has functions of its own, and least squares takes 2,000."""


class VectorPotentialLieConv(Hamiltonian):
    """A Hamiltonian that learns H(q, p) = Σ_i |p_i − a_i(q)|²/2m_i + V(q), a_i = Σ_k α_ik (A_k q_i + b_k).

    V and the numbers α_ik are outputs of one LieResNet, hence invariant under `group`; (A_k, b_k) are the group's
    generators, whose fields an abelian group maps to themselves. So a is equivariant, H is invariant for any weights,
    and the canonical momenta of the group's isometries are conserved: L_z and P_z in a magnetic field along z with
    "SO(2)xT(1)", where A = B × q / 2 and α = k B / 2 for a charge k. H is not separable: splittings cannot integrate
    it, `gauss4` keeps its charges, and p is canonical, not m q̇.

    Args:
        group: an abelian group of isometries that lifts each point to one element, such as SO(2)xT(1) or T(3).
        features: the number of features that a body has beside its mass.
        settings: the settings of `HLieConv`: width, blocks, block, lift, radius, fill, dtype, seed; by default the lift
            is `PointLift(group, bases=6, own=True)`. Below a width of 12 (2 + features) the outputs share the products
            of features that they see, and not every field can be found.

    Raises:
        InputError: if the group is not abelian, does not act freely or changes lengths, and where HLieConv raises it.

    Example:
        >>> import lieham
        >>> lieham.VectorPotentialLieConv("SO(2)xT(1)", features=1).promises("SE(3)")[2].charge
        'P_z'
    """

    group: Group
    features: int
    momentum: Tensor

    def __init__(self, group: str | Group, features: int = 0, **settings: Any):
        super().__init__()
        declared = make_group(group)
        _check_group(declared)
        lift, dtype = settings.pop("lift", None), settings.pop("dtype", torch.float64)
        if lift in (None, ""):
            neighbourhood = {name: settings.pop(name, None) for name in ("radius", "fill")}
            lift = {"kind": "point", "bases": BASES, "own": True} | neighbourhood
        named, own = (lift, None) if isinstance(lift, (str, dict)) else ("", lift)
        fixed = {"kind": type(self).__name__, "group": declared.name, "features": features, "lift": named}
        config = changed(ModelConfig(dtype=str(dtype).removeprefix("torch.")), settings | fixed)
        if declaration(config.uniform_field):
            got = f"{config.uniform_field!r} of a {type(self).__name__}"
            raise expected("uniform_field", "declared of an HLieConv", got)
        if config.feature_functions:
            raise expected("feature_functions", "given to an HLieConv", f"a {type(self).__name__}")
        self.potential = make_potential(declared, 1 + declared.lie_dim, config, own)
        self.group, self.features = declared, config.features
        self.config = saved_settings(config, declared, self.potential.network.lift)
        self.register_buffer("momentum", torch.ones_like(self.potential.length))

    exact = True

    def calibrate(self, data: Trajectory) -> None:
        """Measure the units of length, energy, momentum and features on training data, the first time it is called."""
        if not bool(self.potential.calibrated):
            real = data.bodies.mask.to(data.p.dtype)[..., None, :].expand(data.p.shape[:-1])
            mean = (data.p.square().sum(-1) * real).sum() / real.sum()
            self.momentum.copy_(torch.where(mean > 0, mean, torch.ones_like(mean)).sqrt())
        self.potential.calibrate(data)

    def functions(self) -> Functions:
        return replace(super().functions(), units=self.potential.units())

    def energy(self, state: PhaseState, bodies: Bodies) -> Float[Tensor, "*batch"]:
        units = self.potential
        pairs, values = cast(LieResNet, units.network).local(state.q / units.length, units.seen(bodies), bodies.mask)
        return self._energy(pairs, values, state, bodies)

    def basis(
        self,
        state: PhaseState,
        bodies: Bodies,
        chosen: Int[Tensor, " f"] | None = None,
        mixing: Float[Tensor, "k r"] | None = None,
    ) -> Float[Tensor, "*batch f r"]:
        """Return ∂H/∂θ, where θ are the weights of the last kernel (see `LieResNet.basis`).

        Through |a|² the result depends on θ itself.

        Args:
            state: positions and canonical momenta.
            bodies: the bodies.
            chosen: the numbers of the functions f that are wanted; by default all of them.
            mixing: combinations of the kernel's outputs, which replace the outputs.
        """
        units = self.potential

        def read(pairs: Pairs, values: Tensor) -> Tensor:
            return self._energy(pairs, values, state, bodies)

        network = cast(LieResNet, units.network)
        return network.basis(state.q / units.length, units.seen(bodies), bodies.mask, mixing, chosen, read)

    def trained_range(self) -> TrainedRange | None:
        return self.potential.trained

    def dictionary(self) -> Dictionary | None:
        return dictionary_of(self.potential.network, self.basis, self.potential.length)

    def redraw(self, generator: torch.Generator) -> None:
        self.potential.network.redraw(generator)

    def vector_potential(self, q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch n d"]:
        """Return the vector potential a_i(q), in units of momentum."""
        units = self.potential
        _, values = cast(LieResNet, units.network).local(q / units.length, units.seen(bodies), bodies.mask)
        return self._field(values, q)

    def _energy(self, pairs: Pairs, values: Tensor, state: PhaseState, bodies: Bodies) -> Tensor:
        """Return H, from the network's outputs on the bodies."""
        kinetic = (state.p - self._field(values, state.q)).square().sum(-1) / (2 * bodies.mass)
        return (kinetic * bodies.mask).sum(-1) + self.potential.energy * pairs.pool(values)[..., 0]

    def _field(self, values: Tensor, q: Tensor) -> Tensor:
        """Return a_i(q), from the network's outputs on the bodies."""
        A, b = self.group.generators(q.dtype, q.device)
        motions = torch.einsum("kij,...j->...ki", A, q / self.potential.length) + b
        return self.momentum * torch.einsum("...k,...ki->...i", values[..., 1:], motions)


def _check_group(group: Group) -> None:
    A, b = group.generators()
    brackets = torch.einsum("kij,ljm->klim", A, A), torch.einsum("kij,lj->kli", A, b)
    abelian = all(torch.equal(x, x.transpose(0, 1)) for x in brackets)
    if not (abelian and group.acts_freely and bool(group.isometries.all())):
        raise InputError(f"group must be abelian, act freely and keep lengths, such as SO(2)xT(1), got {group}")
