"""`LieConvPotential` turns a LieConv network into a potential in measured units."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import cast

import torch

from lieham.dynamics.base import Units
from lieham.dynamics.dictionary import Products
from lieham.dynamics.trained_range import TrainedRange
from lieham.errors import InputError, check_choice
from lieham.groups import Group
from lieham.groups.algebra import keeps_form_in_other_units
from lieham.lift import Lift, TensorLift, make_lift
from lieham.models.config import ModelConfig
from lieham.models.feature_functions import FeatureFunctions, channels_of
from lieham.models.precision import FloatModule
from lieham.nn import (
    BLOCKS,
    LieResNet,
    MomentNet,
    MomentSum,
    NetworkSettings,
    PairSum,
    is_pair_sum,
    pair_slopes,
    products_of,
)
from lieham.state import Bodies, Trajectory
from lieham.typing import Float, Int, Tensor


class LieConvPotential(FloatModule):
    """A potential that computes V(q) = E · LieResNet(q / ℓ, (m, features) / s), (*batch, n, d) → (*batch,).

    The units ℓ, E and s are buffers. They are 1 until `calibrate` measures them once on training data. `trained` holds
    the range of bodies and motions that training saw.

    Args:
        network: the network.
        features: the number of features of a body beside its mass.
        functions: functions of mass and features that the network is given beside them; by default none.
    """

    length: Tensor
    energy: Tensor
    scale: Tensor
    calibrated: Tensor

    def __init__(self, network: LieResNet | MomentNet, features: int, functions: FeatureFunctions | None = None):
        super().__init__()
        self.network, self.functions = network, functions or FeatureFunctions([], features + 1)
        self.register_buffer("length", torch.ones(()))
        self.register_buffer("energy", torch.ones(()))
        self.register_buffer("scale", torch.ones(features + 1))
        self.register_buffer("calibrated", torch.zeros((), dtype=torch.bool))
        self.trained = TrainedRange(features, network.lift.group.space_dim)

    @torch.no_grad()
    def calibrate(self, data: Trajectory) -> None:
        """Set ℓ, E and s from data, once: a model that was calibrated keeps its units.

        ℓ is the root mean square distance of two bodies (of a body from the origin where there is but one), E is ℓ
        times the root mean square force Δp/Δt, and s is the root mean square of each feature. ℓ stays 1 for a group
        that becomes another one in other units, such as the screws of a given pitch. Then the lift is calibrated, its
        radius included (`Lift.calibrate`).
        """
        if bool(self.calibrated):
            return
        real, n = data.bodies.mask.to(data.q.dtype)[..., None, :], data.q.shape[-2]
        force = data.observed_forces()
        features = channels_of(data.bodies)
        if n == 1:
            self.length.copy_(_rms(data.q.norm(dim=-1), real))
        else:
            i, j = torch.triu_indices(n, n, 1, device=data.q.device)
            distance, weight = (data.q[..., i, :] - data.q[..., j, :]).norm(dim=-1), real[..., i] * real[..., j]
            self.length.copy_(_rms(distance, weight))
        self.energy.copy_(_rms(force.norm(dim=-1), real) * self.length)
        lift = self.network.lift
        if not keeps_form_in_other_units(lift.group):
            self.length.fill_(1.0)
        lift.calibrate(data.q, data.bodies.mask, self.length)
        for k in range(features.shape[-1]):
            self.scale[k] = _rms(features[..., k], real.squeeze(-2))
        self.network.calibrate(self.seen(data.bodies), data.bodies.mask)
        self.calibrated.fill_(True)

    def check(self, bodies: Bodies) -> None:
        """Raise InputError if the network or the functions of features do not know some bodies (`MomentNet.check`)."""
        self.functions.check(bodies)
        if bool(self.calibrated):
            self.network.check(self.seen(bodies.map(lambda x: x.to(self.scale.device))), bodies.mask)

    def forward(self, q: Float[Tensor, "*batch n d"], bodies: Bodies) -> Float[Tensor, "*batch"]:
        return self.energy * self.network(q / self.length, self.seen(bodies), bodies.mask)[..., 0]

    def basis(
        self,
        q: Float[Tensor, "*batch n d"],
        bodies: Bodies,
        chosen: Int[Tensor, " f"] | None = None,
        mixing: Float[Tensor, "k r"] | None = None,
    ) -> Float[Tensor, "*batch f r"]:
        """Return ∂V/∂θ, where θ are the weights of the last kernel (see `LieResNet.basis`).

        Args:
            q: positions.
            bodies: the bodies.
            chosen: the numbers of the functions f that are wanted; by default all of them.
            mixing: combinations of the kernel's outputs, which replace the outputs.
        """
        return self.energy * self.network.basis(q / self.length, self.seen(bodies), bodies.mask, mixing, chosen)

    def slopes(self) -> Callable[..., Tensor] | None:
        """Return the function (q, bodies, chosen, mixing) → ∂²V/∂q∂θ, (*batch, n, d, f, r), pair by pair.

        It equals the derivatives of `basis`; it is None where the network has no such function of its own.
        """
        if self.network.splits:
            return self._moment_slopes
        network = self._pairs_alone()
        if network is None or not network.neighbors.complete:
            return None
        return None if network.lift.ends(1, self.length.device) is None else self._slopes

    def _moment_slopes(self, q: Tensor, bodies: Bodies, chosen: Tensor, mixing: Tensor) -> Tensor:
        network = cast(MomentNet, self.network)
        found = network.slopes(q / self.length, self.seen(bodies), bodies.mask, mixing, chosen)
        return found.mul_(self.energy / self.length)

    def _slopes(self, q: Tensor, bodies: Bodies, chosen: Tensor, mixing: Tensor) -> Tensor:
        network = cast(LieResNet, self.network)
        shares = PairSum(network).shares(self.seen(bodies), bodies.mask)[0] @ mixing
        return self.energy / self.length * pair_slopes(network, q / self.length, shares, chosen)

    def products(self, bodies: Bodies) -> Products | None:
        """Return combinations of the kernel's outputs, one for each product of what two bodies are (`products_of`).

        Those of the indicators of two features are one family.
        """
        network = self._pairs_alone()
        if network is None or self.slopes() is None:
            return None
        family = [*range(len(self.scale)), *self.functions.family(len(self.scale))]
        return products_of(PairSum(network).between, self.seen(bodies), bodies.mask, family)

    def _pairs_alone(self) -> LieResNet | None:
        """Return the network where it is a sum of functions over pairs (`is_pair_sum`); None otherwise."""
        own = cast(LieResNet, self.network)
        return own if own.lift.sees_pairs and is_pair_sum(own) else None

    def at(self, bodies: Bodies) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
        """Return V of these bodies as a function of q and of tensors, and the tensors, computed once (`nn.PairSum`).

        The function's values equal those of `forward`. Where gradients are off, functions of weight 0 are skipped.
        """
        if self.network.splits:
            total = MomentSum(cast(MomentNet, self.network), drop=not torch.is_grad_enabled())
            mask, factors, *theta = total.tensors(self.seen(bodies), bodies.mask)
            return total, (self.length, mask, factors, *(self.energy * x for x in theta))
        own = self._pairs_alone()
        if own is None:
            return self._of, (bodies.mass, bodies.features, bodies.mask)
        network = PairSum(own, drop=not torch.is_grad_enabled())
        C, constant = network.coefficients(self.seen(bodies), bodies.mask)
        return network, (self.length, bodies.mask, self.energy * C, self.energy * constant)

    def _of(self, q: Tensor, mass: Tensor, features: Tensor, mask: Tensor) -> Float[Tensor, "*batch"]:
        return self(q, Bodies(mass, features, mask))

    def units(self) -> Units:
        """Return the units ℓ, E and s as numbers, and the kinds of bodies where the network knows these alone."""
        scale, species = self.scale.detach().cpu().double(), self.network.lift.settings.get("species")
        kinds = None if species is None else torch.tensor(species, dtype=torch.float64) * scale
        return Units(self.length.item(), self.energy.item(), scale, kinds)

    def seen(self, bodies: Bodies) -> Float[Tensor, "*batch n c"]:
        """Return (m, features) in their units s and functions of them, the features of the network's points."""
        channels = channels_of(bodies)
        own = channels / self.scale
        return torch.cat([own, self.functions(channels, self.scale)], -1) if self.functions.count else own

    @property
    def terms_name(self) -> str:
        """Return what V is a sum of, in words."""
        return f"{self.network.terms_name}{f' with {self.functions}' if self.functions.count else ''}"


def _rms(x: Tensor, weight: Tensor) -> Tensor:
    """Return √(Σ w x² / Σ w), or 1 where that is 0 or there is nothing to average."""
    weight = weight.expand_as(x)
    mean = (weight * x.square()).sum() / weight.sum().clamp(min=1.0)
    return torch.where(mean > 0, mean, torch.ones_like(mean)).sqrt()


def make_potential(group: Group, outputs: int, config: ModelConfig, lift: Lift | None = None) -> LieConvPotential:
    """Return a potential whose network has these settings and fresh weights.

    Args:
        group: the declared symmetry.
        outputs: the number of outputs of the network for each body.
        config: the architecture; its `group` is not read.
        lift: a Lift to use in place of the one that `config` names.
    """
    check_choice("block", config.block, tuple(BLOCKS))
    own = make_lift(lift or config.lift, group, radius=config.radius, fill=config.fill)
    given = [] if isinstance(config.feature_functions, bool) else config.feature_functions
    functions = FeatureFunctions(given, config.features + 1)
    channels = config.features + 1 + functions.count
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        network: LieResNet | MomentNet
        if not own.sees_pairs:
            _check_tensor(config, outputs)
            network = MomentNet(cast(TensorLift, own), config.features + 1)
        else:
            sizes = NetworkSettings(config.width, config.blocks, BLOCKS[config.block])
            if functions.count:  # enough outputs and channels for all products of two bodies' channels
                most = (channels + 1) * (channels + 2) // 2 if group.symmetric_pairs else (channels + 1) ** 2
                sizes = replace(sizes, width=max(config.width, 4 * (channels + 1)), kernel_dim=most * outputs)
            network = LieResNet(own, channels, outputs, sizes)
    return LieConvPotential(network, config.features, functions).to(getattr(torch, config.dtype))


def _check_tensor(config: ModelConfig, outputs: int) -> None:
    """Raise InputError where settings do not go with the lift `tensor`, whose network has no blocks."""
    if config.feature_functions:
        raise InputError(
            "feature_functions must be False for the lift tensor, which has functions of each kind of body"
        )
    if outputs != 1:
        raise InputError("lift must be point or coset for a vector potential, got tensor: it gives energies alone")
    if config.blocks != 1 or config.block != "gated":
        raise InputError(
            f"blocks and block must not be given for the lift tensor, got {config.blocks} and {config.block}: its "
            "`order` is the number of bodies that a term sees"
        )


def saved_settings(config: ModelConfig, group: Group, lift: Lift) -> dict[str, object]:
    """Return all settings that build the model again except its class.

    Args:
        config: the architecture.
        group: the group, which is saved by its name.
        lift: the lift, all of whose settings are saved.
    """
    sizes = {name: getattr(config, name) for name in ("features", "width", "blocks", "block", "dtype")}
    sizes |= {"feature_functions": config.feature_functions} if config.feature_functions else {}
    return {"group": group.name, **sizes, "lift": lift.settings}
