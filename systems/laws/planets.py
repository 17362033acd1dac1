"""A star with its planets."""

from __future__ import annotations

import math

import torch

from lieham.errors import expected
from lieham.state import Bodies, PhaseState
from lieham.typing import Tensor
from systems.checks import check_positive
from systems.laws.draws import normal, uniform
from systems.laws.gravity import Gravity


class Planets(Gravity):
    """Gravity about a heavy star, the first body; the others are planets on nearly circular orbits; unit-less, G = 1.

    Planets have masses 0.01 + 0.02 u with u uniform in [0, 1). The major semi-axis of the k-th planet, k = 0, 1, ...,
    is 0.5 · 1.5^k (0.95 + 0.1 u), so the first goes round in 0.7 time units. The angles along the orbit, of the
    perihelion and of the node are uniform. Bodies start on the ellipses about the bare star (Murray and Dermott, Solar
    System Dynamics, 1999, ch. 2), with the centre of mass at rest in the origin. There are no features, since the mass
    tells the star. The times are linspace(0, 5, 500).

    Args:
        n_bodies: the number of bodies, the star included.
        dim: the dimension of space, 2 or 3.
        softening: the length ε of the softened law, positive.
        star: the mass of the star, positive.
        eccentricity: the largest eccentricity of an orbit, less than 1; a planet has `eccentricity` u.
        inclination: the standard deviation of the angle in radians between an orbit and the xy plane, in 3-D.

    Raises:
        InputError: a setting is out of its range.
    """

    name = "planets"

    def __init__(
        self,
        n_bodies: int = 4,
        dim: int = 2,
        *,
        softening: float = 0.05,
        star: float = 10.0,
        eccentricity: float = 0.1,
        inclination: float = 0.1,
    ):
        super().__init__(n_bodies, dim, softening=softening)
        check_positive(star=star)
        if not 0 <= eccentricity < 1:
            raise expected("eccentricity", "at least 0 and less than 1", eccentricity)
        if not 0 <= inclination < math.inf:
            raise expected("inclination", "finite and at least 0", inclination)
        self.star, self.eccentricity, self.inclination = star, eccentricity, inclination

    @property
    def parameters(self) -> dict:
        settings = {"softening": self.softening, "star": self.star}
        return settings | {"eccentricity": self.eccentricity, "inclination": self.inclination}

    def sample(self, n: int, generator: torch.Generator) -> tuple[PhaseState, Bodies]:
        planets = self.n_bodies - 1
        mass = 0.01 + 0.02 * uniform(generator, n, planets)
        mass = torch.cat([torch.full((n, 1), self.star, dtype=torch.float64), mass], 1)
        axis = 0.5 * 1.5 ** torch.arange(planets) * (0.95 + 0.1 * uniform(generator, n, planets))
        e = self.eccentricity * uniform(generator, n, planets)
        anomaly, perihelion, node = 2 * math.pi * uniform(generator, 3, n, planets)
        parameter = axis * (1 - e.square())
        q = _plane(parameter / (1 + e * anomaly.cos()), anomaly + perihelion)
        speed = (self.star / parameter).sqrt()
        v = _plane(-speed, anomaly + perihelion - math.pi / 2) + _plane(speed * e, perihelion + math.pi / 2)
        if self.dim == 3:
            tilt = self.inclination * normal(generator, n, planets)
            q, v = (_tilted(x, tilt, node) for x in (q, v))
        q, v = (torch.nn.functional.pad(x, (0, 0, 1, 0)) for x in (q, v))
        weight = mass[..., None] / mass.sum(1)[:, None, None]
        q, v = (x - (weight * x).sum(1, keepdim=True) for x in (q, v))
        return PhaseState(q, mass[..., None] * v), Bodies.of(mass)


def _plane(radius: Tensor, angle: Tensor) -> Tensor:
    """(r cos φ, r sin φ)."""
    return torch.stack([radius * angle.cos(), radius * angle.sin()], -1)


def _tilted(x: Tensor, tilt: Tensor, node: Tensor) -> Tensor:
    """Vectors of the orbit's plane, whose first axis is the line of nodes, in space."""
    along, across = x.unbind(-1)
    level = across * tilt.cos()
    return torch.stack(
        [
            node.cos() * along - node.sin() * level,
            node.sin() * along + node.cos() * level,
            across * tilt.sin(),
        ],
        -1,
    )
