"""Kinetic energies are asked numerically which motions they keep, for whatever metric, mass and feature they read."""

from __future__ import annotations

import pytest
import torch

import lieham
from lieham.dynamics import Kinetic, Newtonian
from lieham.groups import CustomGroup, make_group
from lieham.state import Bodies
from tests.helpers.conservation import start

ROUND_OFF, BROKEN = 1e-13, 1e-4
TURN = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)


def conjugate(D: torch.Tensor) -> CustomGroup:
    """D⁻¹ R D, the turns that keep |D x|."""
    A = torch.linalg.inv(D) @ TURN @ D
    return CustomGroup("turns of an ellipse", A[None], torch.zeros(1, 2, dtype=torch.float64), charges=["J"])


class Metric(Kinetic):
    """K = Σ ½ pᵀ M⁻¹ p / m with M = Dᵀ D."""

    equation = "K = Σ ½ pᵀM⁻¹p/m"
    linear_velocity = True

    def __init__(self, D: torch.Tensor):
        super().__init__()
        self.register_buffer("inverse", torch.linalg.inv(D.T @ D))

    def forward(self, p, bodies):
        return 0.5 * (p * self.velocity(p, bodies)).sum((-2, -1))

    def velocity(self, p, bodies):
        return p @ self.inverse / bodies.mass[..., None] * bodies.mask[..., None]


class Relativistic(Kinetic):
    """K = Σ √(m² + |p|²): turns keep it, and the centre of mass does not move with P/M."""

    def forward(self, p, bodies):
        return (bodies.mass.square() + p.square().sum(-1)).sqrt().sum(-1)

    def velocity(self, p, bodies):
        return p / (bodies.mass.square() + p.square().sum(-1)).sqrt()[..., None]


class Charged(Newtonian):
    """K = Σ (p_x² + c p_y²)/2m with a feature c of each body, so that a turn keeps it where c = 1."""

    def velocity(self, p, bodies):
        stretch = torch.stack([torch.ones_like(bodies.mass), bodies.features[..., 0]], -1)
        return p * stretch / bodies.mass[..., None]

    def keeps(self, group):
        return Kinetic.keeps(self, group)


def model(D: torch.Tensor, group: lieham.groups.Group, of: type) -> lieham.Hamiltonian:
    """Quartic springs in the metric of D."""

    def pull(q, bodies):
        d = (q[..., :, None, :] - q[..., None, :, :]) @ D.T
        return 0.1 * d.square().sum(-1).square().sum((-2, -1))

    kinetic = Metric(D)
    if of is lieham.GeneralHamiltonian:
        return of(lambda state, bodies: kinetic(state.p, bodies) + pull(state.q, bodies), group=group)
    made = of(pull, kinetic)
    made.group = group
    return made


METRICS = {
    "diagonal": torch.diag(torch.tensor([1.0, 2.0], dtype=torch.float64)),
    "full": torch.tensor([[1.0, 0.4], [-0.3, 1.7]], dtype=torch.float64),
}


@pytest.mark.parametrize("of", [lieham.SeparableHamiltonian, lieham.GeneralHamiltonian])
@pytest.mark.parametrize("name", METRICS)
def test_the_turns_of_an_ellipse_are_promised_and_rk4_is_to_blame_for_their_charge(name, of):
    D = METRICS[name]
    made = {}
    for method in ("gauss4", "rk4"):
        forecast = lieham.forecast(model(D, conjugate(D), of), start(2), 60, dt=0.03, method=method, substeps=1)
        made[method] = lieham.conservation(forecast)
    assert made["gauss4"]["J"].promised and made["gauss4"].largest("J") <= ROUND_OFF
    assert made["gauss4"].certificate("J").blame == ""
    assert made["rk4"].certificate("J").model == "yes" and made["rk4"].certificate("J").blame == "integrator"
    assert made["gauss4"]["L"].promise.verdict == "no" and made["gauss4"].largest("L") > BROKEN


def test_turns_of_another_ellipse_change_k():
    D = METRICS["diagonal"]
    made = model(D, conjugate(METRICS["full"]), lieham.SeparableHamiltonian)
    assert made.promises(conjugate(METRICS["full"]))[0].verdict == "no: changes K"
    assert not Metric(D).keeps(make_group("SO(2)")).any() and Metric(D).keeps(make_group("T(2)")).all()


def test_newtons_k_keeps_turns_whose_generator_carries_round_off():
    """Q R Qᵀ is antisymmetric up to rounding alone."""
    c, s = torch.cos(torch.tensor(0.3)).double(), torch.sin(torch.tensor(0.3)).double()
    A = torch.tensor([[0.0, -1.0], [1.0 + 3e-16, 0.0]], dtype=torch.float64)
    Q = torch.stack([torch.stack([c, -s]), torch.stack([s, c])])
    turned = CustomGroup("turned", (Q @ A @ Q.T)[None], torch.zeros(1, 2, dtype=torch.float64))
    assert Newtonian().keeps(turned).all() and not Newtonian().keeps(conjugate(METRICS["diagonal"])).any()


def test_what_k_keeps_about_the_centre_of_mass():
    D, turns = METRICS["full"], make_group("SO(2)")
    assert Metric(D).keeps_orbit(conjugate(D)).all() and not Metric(D).keeps_orbit(turns).any()
    assert Relativistic().keeps(turns).all() and not Relativistic().keeps_orbit(turns).any()
    assert not Relativistic().keeps_centre(2).any() and Newtonian().keeps_centre(2).all()
    one = torch.eye(2, dtype=torch.float64)
    assert Metric(one).keeps_centre(2).all() and Metric(one).keeps_orbit(turns).all()


def test_k_is_asked_for_the_bodies_that_move():
    """A turn keeps a K that reads features for some bodies and not for others."""
    mass, turns = torch.ones(2, 3, dtype=torch.float64), make_group("SO(2)")
    for stretch, kept in ((1.0, True), (1.5, False)):
        bodies = Bodies.of(mass, torch.full((2, 3, 1), stretch, dtype=torch.float64))
        assert Charged().on(bodies).keeps(turns).item() == kept
    assert not Charged().keeps(turns).any(), "random features"
    charged = lieham.SeparableHamiltonian(lambda q, bodies: q.square().sum((-2, -1)), Charged())
    charged.group = turns
    assert charged.promises(turns, Bodies.of(mass, torch.ones(2, 3, 1, dtype=torch.float64)))[0].kept


def test_a_k_that_cannot_be_evaluated_keeps_translations_alone():
    class Broken(Newtonian):
        def velocity(self, p, bodies):
            raise RuntimeError("no velocity")

        keeps, keeps_orbit, keeps_centre = Kinetic.keeps, Kinetic.keeps_orbit, Kinetic.keeps_centre

    assert Broken().keeps(make_group("SE(2)")).tolist() == [True, True, False]
    assert not Broken().keeps_centre(2).any() and not Broken().keeps_orbit(make_group("SE(2)")).any()


def test_a_k_of_float32_numbers_is_asked_in_float32():
    class Single(Newtonian):
        matrix = torch.diag(torch.tensor([1.0, 1.0]))

        def velocity(self, p, bodies):
            return p @ self.matrix

        keeps = Kinetic.keeps

    assert Single().keeps(make_group("SO(2)")).all()
    Single.matrix = torch.diag(torch.tensor([1.0, 1.1]))
    assert not Single().keeps(make_group("SO(2)")).any()
