"""Models learned in an external field keep the charges of its subgroup, and no others."""

from __future__ import annotations

from functools import cache

import lieham
from tests.helpers.dynamics import KEPT, LAWS, ROUND_OFF, drifts, laws


@cache
def learned(name: str, group: str):
    """A model of that group, trained for a few seconds on trajectories of that law, and its best loss."""
    data = LAWS[name].generate(10, 4, 2, points=30)
    make = lieham.VectorPotentialLieConv if name == "magnetic" else lieham.HLieConv
    model = make(group, data.n_features)
    return model, lieham.fit(model, data, steps=80, refine=0, refine_windows=30).best, data


OF_THE_LAW = {"falling": {"L_cm_x", "L_cm_y"}, "magnetic": {"K_z"}}
"""What the law itself keeps beside the charges of the subgroup: weight does not turn the bodies about their centre of
mass, and a field along z pushes nothing along z. A good model keeps it nearly, though nothing promises it."""


@laws
def test_a_learned_model_keeps_just_the_charges_of_the_subgroup(name):
    model, _, data = learned(name, LAWS[name].symmetry)
    found = drifts(model, data.test)
    assert all((drift <= ROUND_OFF) == (charge in KEPT[name]) for charge, drift in found.items()), found
    broken = {charge: drift for charge, drift in found.items() if charge not in KEPT[name] | OF_THE_LAW[name]}
    assert all(drift > 1e-7 for drift in broken.values()), found


def test_the_whole_of_se3_cannot_learn_what_falls():
    """Single steps, in units of their change: SE(3) has no up."""
    broken, whole = (learned("falling", group)[1] for group in ("SE(2)xTrivial(1)", "SE(3)"))
    assert whole > 2 * broken


def test_without_a_vector_potential_a_magnetic_field_is_not_learned():
    with_field = learned("magnetic", "SO(2)xT(1)")[1]
    data = LAWS["magnetic"].generate(10, 4, 0, points=30)
    plain = lieham.HLieConv("SO(2)xT(1)", data.n_features, width=16)
    # By ridge regression too: this model holds no vector potential, whatever finds its weights.
    assert lieham.fit(plain, data, steps=1, refine=0, refine_windows=30).best > 2 * with_field
