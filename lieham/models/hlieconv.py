"""`HLieConv` is a Hamiltonian whose potential is a LieConv network, invariant under a declared group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import torch

from lieham.dynamics.base import Functions
from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.separable import SeparableHamiltonian
from lieham.dynamics.trained_range import TrainedRange
from lieham.dynamics.uniform_field import Declared, UniformField, declaration, declared_field
from lieham.errors import InputError, expected
from lieham.groups import Group, make_group
from lieham.groups.base import AXES
from lieham.groups.subgroup import keeps_height
from lieham.lift import Lift, TensorLift
from lieham.lift.tensor import FILLS, SCALES
from lieham.lift.term_settings import ORDERS
from lieham.models.config import ModelConfig
from lieham.models.dictionary import dictionary_of
from lieham.models.feature_functions import feature_functions_of
from lieham.models.potential import LieConvPotential, make_potential, saved_settings
from lieham.state import Bodies, PhaseState, Trajectory
from lieham.typing import Float, Int, Tensor


class HLieConv(SeparableHamiltonian):
    """A Hamiltonian H(q, p) = Σ |p_i|²/2m_i + V(q) that has a LieResNet as V, invariant under `group` by its lift.

    For any weights, trained or not, the charges of the group's isometries (P for T(d), L for SO(d), both for SE(d)) are
    constant along the exact flow, by Noether's theorem, and along the flow of an integrator that keeps them (Finzi et
    al. 2020, arXiv 2002.12880).

    Args:
        group: a name such as "SE(2)", "E(3)", "T(3)", "SO(2)", "Trivial(2)", or a Group.
        features: the number of features that a body has beside its mass (`data.n_features`).
        width: the number of channels of the residual stream; the convolutions run on a quarter of them.
        blocks: the number of blocks. One block sums over pairs; each further block lets pairs see their surroundings.
        block: the kind of the blocks: "gated", which is linear in its kernel and so is learned by ridge regression, or
            "paper", which is learned by gradients.
        lift: "point", "coset", "tensor" (terms of up to four bodies, for SE(d) and E(d), see
            `lieham.lift.TensorLift`; it has no blocks, and `width` does not count), "sampled" (the paper's, not
            exact), or a Lift of the same group; by default point or coset, whichever the group allows. For SE(d) and
            E(d) `fit` replaces the default by tensor where functions of pairs cannot represent the law.
        radius: the distance at which the neighbourhood of a body ends, smoothly, in the data's unit of length; by
            default it does not end.
        fill: the fraction of the other bodies within the neighbourhood, from which its radius is measured once on the
            training data; it is an alternative to `radius`.
        dtype: the precision of the weights; by default float64, since conservation to round-off needs it.
        seed: the seed of the initial weights.
        uniform_field: True if the environment gives all bodies one acceleration g, which is learned, V = V(group) −
            Σ m_i g·q_i; names of axes such as "z" to learn it along these alone, so that P along the others stays kept
            exactly; or g itself, such as (0, 0, -9.81). `group` then is the symmetry of the forces among the bodies.
        feature_functions: True to give the network functions of mass and features beside these (powers and logarithms,
            or an indicator of each value where there are few), which the first training data fix; or a list of them
            for the mass and for each feature. By default `fit` takes them where they predict held-out windows better.

    Raises:
        InputError: if the group or the block is unknown, if the precision is neither float64 nor float32, or if a size
            is too small.

    Example:
        >>> import lieham, systems
        >>> state, bodies = systems.Springs(n_bodies=3, dim=2).sample(4, systems.laws.base.stream(0, "train"))
        >>> lieham.HLieConv("SE(2)", features=1).energy(state, bodies).shape
        torch.Size([4])
    """

    potential: LieConvPotential
    group: Group
    features: int

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
        uniform_field: Declared | None = None,
        feature_functions: bool | list = False,
    ):
        declared = make_group(group)
        named, own = (lift or "", None) if lift is None or isinstance(lift, (str, dict)) else ("", lift)
        precision = str(dtype).removeprefix("torch.")
        config = ModelConfig(
            "HLieConv", declared.name, features, width, blocks, block, named, radius, fill, seed, precision,
            declaration(uniform_field), feature_functions,
        )  # fmt: skip
        uniform = declared_field(uniform_field, declared.space_dim)
        _check_field(uniform, declared)
        super().__init__(
            make_potential(declared, 1, config, own), uniform_field=None if uniform is None else uniform.to(dtype)
        )
        self.group, self.features = declared, config.features
        self.config = saved_settings(config, declared, self.potential.network.lift)
        self.config["uniform_field"] = config.uniform_field
        self._may_see_more, self._given = lift in (None, "") and feature_functions is False, config

    def within(self, bodies: Bodies) -> tuple[Callable[..., Tensor], tuple[Tensor, ...]]:
        return self.potential.at(bodies)

    @property
    def exact(self) -> bool:
        """True where the group's motions leave H unchanged to round-off, and not on average alone."""
        return self.potential.network.lift.exact

    def basis(
        self,
        state: PhaseState,
        bodies: Bodies,
        chosen: Int[Tensor, " f"] | None = None,
        mixing: Float[Tensor, "k r"] | None = None,
    ) -> Float[Tensor, "*batch f r"]:
        """Return ∂H/∂θ, where θ are the weights of the last kernel (see `LieResNet.basis`).

        Args:
            state: positions and momenta.
            bodies: the bodies.
            chosen: the numbers of the functions f that are wanted; by default all of them.
            mixing: combinations of the kernel's outputs, which replace the outputs.
        """
        return self.potential.basis(state.q, bodies, chosen, mixing)

    def check(self, data: Trajectory) -> None:
        super().check(data)
        self.potential.check(data.bodies)

    def calibrate(self, data: Trajectory) -> None:
        """Measure the units of length, energy and features on training data, the first time it is called."""
        if self.uniform_field is not None and not bool(self.potential.calibrated):
            self.uniform_field.calibrate(data)
        if self.config.get("feature_functions") is True:
            self._take_functions(feature_functions_of(data.bodies))
        self.potential.calibrate(data)

    def _take_functions(self, given: list) -> None:
        """Build the potential again, for these functions of mass and features."""
        weight, lift = next(self.parameters()), self.potential.network.lift
        config = replace(self._given, feature_functions=given, radius=None, fill=None)
        self.potential = make_potential(self.group, 1, config, lift).to(weight)
        self.config["feature_functions"] = given

    def trained_range(self) -> TrainedRange | None:
        return self.potential.trained

    def dictionary(self) -> Dictionary | None:
        own = self.potential
        tools = own.slopes(), self.uniform_field, own.products
        found = dictionary_of(own.network, self.basis, own.length, *tools)
        if found is not None:
            found.name = own.terms_name
        return found

    def functions(self) -> Functions:
        redraw = None if self.exact else self.potential.network.lift.redraw
        return replace(super().functions(), units=self.potential.units(), redraw=redraw)

    def richer(self) -> list[HLieConv]:
        """Return new models that see more than this one, whose units have not been measured yet.

        They are this one with `feature_functions`, and for SE(d) and E(d) with `lift="tensor"`: terms of three bodies
        at two scales and with some cutoffs, or of four, from terms of three that this made. There are some for one
        gated block, if neither a lift nor functions were asked for, no units had been measured on data before, and no
        weight is frozen.
        """
        lift, own = self.potential.network.lift, self.group
        if not self._may_see_more or not all(weight.requires_grad for weight in self.parameters()):
            return []
        kept = {k: lift.settings[k] for k in ("radius", "fill")}
        given: list[dict[str, Any]] = []
        if not lift.sees_pairs:
            last = cast(TensorLift, lift)
            given = [{"order": last.order + 1, "near": last.near}] if last.order < max(ORDERS) else []
        elif bool(self.potential.calibrated) or (self.config["blocks"], self.config["block"]) != (1, "gated"):
            return []
        elif own.rigid:
            given = [{"order": 3, "near": x} for x in SCALES]
            if not lift.has_cutoff:
                given += [{"order": 3, "near": 0.5, "fill": x} for x in FILLS]
        tensors = [self._like(lift={"kind": "tensor"} | kept | x) for x in given]
        for x in tensors:
            x._may_see_more = True
        return [self._like(lift=lift.settings, feature_functions=True), *tensors] if lift.sees_pairs else tensors

    def reaching(self, by: float) -> list[HLieConv]:
        """Return new models of the same lift whose `fill` differs by this much, either way; none without a `fill`."""
        settings: dict[str, Any] = self.potential.network.lift.settings
        fill = settings.get("fill")
        near = [] if fill is None else [fill - by, fill + by]
        own = {k: v for k, v in settings.items() if k not in ("species", "together")}
        found = [self._like(lift=own | {"fill": x}) for x in near if 0 < x < 1]
        for x in found:
            x._may_see_more = self._may_see_more
        return found

    def _like(self, **settings: Any) -> HLieConv:
        """Return a new model of the same group and sizes, with some settings changed."""
        weight = next(self.parameters())
        settings |= {k: self.config[k] for k in ("width", "uniform_field") if k in self.config}
        other = HLieConv(self.group, self.features, dtype=weight.dtype, seed=self._given.seed, **settings)
        return other.to(weight.device)

    def adopt(self, other: Any) -> None:
        """Take over the potential and the settings of `other`, a model that `richer` made."""
        if not (type(other) is type(self) and other.group.name == self.group.name):
            raise expected("model", f"one of {type(self).__name__}({self.group})", other)
        self.potential, self.config, self.uniform = other.potential, other.config, other.uniform
        self._may_see_more = False

    def redraw(self, generator: torch.Generator) -> None:
        self.potential.network.redraw(generator)


def _check_field(field: UniformField | None, group: Group) -> None:
    """Raise InputError where a field is to be learned along an axis along which V under the group holds one itself."""
    axes = [] if field is None else [k for k, g in enumerate(field.axes.unbind()) if keeps_height(group, g)]
    if field is not None and axes:
        own = [int(x) for x in field.axes.argmax(1)]
        left = "".join(AXES[k] for i, k in enumerate(own) if i not in axes and len(AXES) > k)
        remedy = f"say uniform_field={left!r}" if left else "leave uniform_field out"
        raise InputError(
            f"uniform_field must be learned along axes that the group moves, got axis {own[axes[0]]} with {group}, "
            f"whose potential holds such a field by itself: {remedy}, or declare a group with all translations"
        )
