"""A model of motion obeys this contract: it gives a vector field for bodies, and promises what it conserves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import nn

from lieham.dynamics.dictionary import Dictionary
from lieham.dynamics.promise import NO, Promise
from lieham.dynamics.trained_range import TrainedRange
from lieham.dynamics.uniform_field import UniformField
from lieham.errors import InputError
from lieham.groups import Group, Translation, make_group
from lieham.groups.algebra import contains, reaches_every_point
from lieham.groups.subgroup import subgroup_keeping_height
from lieham.integrate.base import Field
from lieham.state import Bodies, Trajectory
from lieham.typing import Bool, Float, Tensor


@dataclass(frozen=True)
class Units:
    """The units are the sizes of the data that a model was calibrated on.

    Args:
        length: typical distance of two bodies; None where the model has no size of its own.
        energy: typical energy of a body.
        bodies: typical mass and features of a body, (1 + c,); None for 1.
        kinds: mass and features of each kind of body, (kinds, 1 + c), where the model knows these kinds alone.
    """

    length: float | None = None
    energy: float = 1.0
    bodies: Float[Tensor, " c1"] | None = None
    kinds: Float[Tensor, "k c1"] | None = None


def every_generator(group: Group) -> Bool[Tensor, " k"]:
    """Return True for each generator of a group."""
    return torch.ones(group.lie_dim, dtype=torch.bool)


@dataclass(frozen=True)
class Functions:
    """Functions show a model as plain functions of tensors, for an examination from outside (see `lieham.auditing`).

    Args:
        energy: H(q, p, mass, features, mask) → (*batch,).
        rates: the field, of the same arguments → (q̇, ṗ), (*batch, n, d) each.
        potential: V(q, mass, features, mask) → (*batch,), where H = K(p) + V(q); None otherwise.
        shares: for each generator of a symmetry that is declared, whether H has it too, (k,) bool; it has not where the
            symmetry is that of V, and the motion changes K.
        units: the sizes of the data that the model was calibrated on.
        redraw: draws anew what the model draws at random; None where it draws nothing.
    """

    energy: Callable[..., Tensor]
    rates: Callable[..., tuple[Tensor, Tensor]]
    potential: Callable[..., Tensor] | None = None
    shares: Callable[[Group], Tensor] = every_generator
    units: Units = field(default_factory=Units)
    redraw: Callable[[torch.Generator], None] | None = None


class Dynamics(nn.Module, ABC):
    """A model of motion gives the vector field of any bodies, and says itself what it needs and what it keeps.

    Nobody has to look inside: integrators take `field`, training and forecasts ask `separable` and `check`, reports of
    conservation ask `promises`.
    """

    group: Group | None = None
    """The model declares this symmetry, if any: that of the forces among the bodies, where there is a uniform field."""
    features: int | None = None
    """A body must have this many features beside its mass; None means that the model does not say."""
    learns_from: ClassVar[str] = "trajectories"
    """`fit` takes datasets of this `kind` for the model."""
    separable: ClassVar[bool] = False
    """If True, velocity depends on p alone and force on q alone, so that splitting methods can integrate the model."""

    @abstractmethod
    def field(self, bodies: Bodies) -> Field:
        """Return the vector field (q̇, ṗ) of these bodies."""

    @property
    def uniform_field(self) -> UniformField | None:
        """The field of the environment that gives all bodies one acceleration; None where there is none."""
        return None

    @property
    def symmetry(self) -> Group | None:
        """The symmetry of the whole: those motions of `group` that leave the uniform field, if any, unchanged."""
        if self.group is None or self.uniform_field is None:
            return self.group
        return subgroup_keeping_height(self.group, self.uniform_field.acceleration)

    @property
    def exact(self) -> bool:
        """This is True if the symmetry declared holds to round-off, and not only on average over random draws."""
        return True

    def promises(self, group: str | Group, bodies: Bodies | None = None) -> tuple[Promise, ...]:
        """Return what the model says of every charge of `group`, in the order of a report of conservation.

        There is one promise for each generator. A Hamiltonian adds those of L about the centre of mass, of the boosts
        and of H. A field that is not known to follow from a Hamiltonian promises nothing.

        Args:
            group: the group asked for, which need not be the one that the model declares.
            bodies: the bodies (b, n) that move, of which a kinetic energy is asked; by default some random ones.

        Raises:
            InputError: if the group acts on a space of another dimension than the model's.
        """
        why = "The field is not known to follow from a Hamiltonian, so Noether's theorem says nothing of its symmetry."
        return tuple(Promise(name, NO, why, index=k) for k, name in enumerate(self._asked(group).charges))

    def _asked(self, group: str | Group) -> Group:
        """Return the group of that name; raise InputError if its space has another dimension than the model's."""
        group = make_group(group)
        if self.group is not None and self.group.space_dim != group.space_dim:
            raise InputError(f"group must act on {self.group.space_dim} dimensions like the model's, got {group}")
        return group

    def check(self, data: Trajectory) -> None:
        """Raise InputError if the bodies have other features, or live in another space, than the model takes."""
        features = data.bodies.features.shape[-1]
        if self.features is not None and features != self.features:
            raise InputError(f"features of the model must be {features} like the data's, got {self.features}")
        if self.group is not None and data.dim != self.group.space_dim:
            raise InputError(f"group must act on {data.dim} dimensions like the data, got {self.group}")

    def check_learnable(self, data: Trajectory) -> None:
        """Raise InputError if every system is one body and the declared group allows no force on it; `fit` asks this.

        The potential of a single body is constant where the group reaches every point. An H that is not separable may
        still depend on q through q·p, unless the group holds all translations.
        """
        single = int(data.bodies.mask.sum(-1).max()) == 1
        if self.group is None or self.uniform_field is not None or not single:
            return
        d = data.dim
        shifts = self.group.lie_dim > 0 and bool(contains(self.group, Translation(d)).all())
        if shifts or (self.separable and reaches_every_point(self.group)):
            central = f"SO({d}), which allows central forces about the origin, or " if d in (2, 3) else ""
            raise InputError(
                f"group must allow a force on a single body, got {self.group}, which moves it everywhere and so makes "
                f"its potential constant: declare {central}Trivial({d}), which allows every force"
            )

    def calibrate(self, data: Trajectory) -> None:
        """Measure on training data, once, what the model's units depend on; `fit` calls it first."""

    def trained_range(self) -> TrainedRange | None:
        """Return the memory of the bodies and motions that training saw; None for a model that keeps none."""
        return None

    def dictionary(self) -> Dictionary | None:
        """Return the functions in whose coefficients H is linear; None where there are none."""
        return None

    def richer(self) -> Sequence[Dynamics]:
        """Return fresh models of the same settings whose lifts see more, such as angles, from the simplest on.

        There are none if the caller asked for a lift, if units were already measured on data, or if there is no such
        lift.
        """
        return ()

    def reaching(self, by: float) -> Sequence[Dynamics]:
        """Return fresh models whose functions end at a smaller and at a larger distance; none where they do not end.

        Args:
            by: the change of the share of the other bodies that are within.
        """
        return ()

    def adopt(self, other: Dynamics) -> None:
        """Take the network, the units and the settings of `other`, a model that `richer` made."""
        raise InputError(f"model must be one that can see more, got {type(self).__name__}, which made no {other}")

    def redraw(self, generator: torch.Generator) -> None:
        """Draw anew what the model samples; a model that samples nothing stays as it is."""
