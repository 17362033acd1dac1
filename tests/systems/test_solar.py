"""The Solar System of DE421, its baselines, and the example that learns it."""

from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest

from lieham.errors import InputError
from systems import solar
from tests.helpers.places import ROOT

present = all(importlib.util.find_spec(name) for name in ("jplephem", "skyfield_data"))
installed = pytest.mark.skipif(not present, reason="pip install 'lieham[solar]'")


def example():
    """The module of the example."""
    spec = importlib.util.spec_from_file_location("solar_system", ROOT / "examples" / "solar_system.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_missing_package_is_named_with_its_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "jplephem.spk", None)
    with pytest.raises(InputError, match=r"pip install 'lieham\[solar\]'"):
        solar.solar_states(np.array([solar.SPLIT]))


@installed
def test_velocities_are_the_derivatives_of_positions():
    q, _ = solar.solar_states(solar.SPLIT + np.array([-0.05, 0.05]))
    _, v = solar.solar_states(np.array([solar.SPLIT]))
    assert q.shape == (2, 10, 3)
    assert np.abs((q[1] - q[0]) / 0.1 - v[0]).max() < 1e-5 * np.abs(v).max()


@installed
@pytest.mark.parametrize("days", [np.array([0.0]), np.array([np.nan]), np.array(solar.SPLIT)])
def test_days_outside_the_ephemeris_are_refused(days):
    with pytest.raises(InputError, match="julian_days must be of shape"):
        solar.solar_states(days)


@installed
def test_newton_is_nearer_to_the_truth_than_kepler():
    days = np.arange(0.0, solar.YEAR, 4.0)
    newton = solar.heliocentric_error(solar.newton_forecast(days), days)[-1, 1:]
    kepler = solar.heliocentric_error(solar.kepler_forecast(days), days)[-1, 1:]
    assert (newton < 500).all() and (10 * newton < kepler).all()  # km


@installed
def test_jupiter_and_saturn_are_weighed_by_the_motion_alone():
    mass, _ = example().weigh()
    assert np.abs(mass[5:7] / solar.MASS[5:7] - 1).max() < 1e-5


@installed
def test_the_example_beats_kepler_after_a_year(tmp_path, monkeypatch):
    module = example()
    monkeypatch.setattr(module, "weigh", lambda: (solar.MASS, np.zeros(10)))  # another test weighs
    table = module.main(tmp_path, train_years=3.0, years=1.0, steps=0, refine=0)
    for planet in solar.NAMES[1:]:
        assert table[planet]["lieham"][0] < table[planet]["Kepler"][0], planet
    assert (tmp_path / "solar_system.png").stat().st_size > 10_000


@pytest.mark.slow
@installed
def test_the_forecast_of_fifty_years_is_below_kepler_for_every_planet(tmp_path):
    for planet, errors in example().main(tmp_path).items():
        assert len(errors["lieham"]) == 3
        assert np.less(errors["lieham"], errors["Kepler"]).all(), planet
