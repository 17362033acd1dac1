"""The lists that laws are tested over: adding to a list adds its tests."""

from __future__ import annotations

from lieham.integrate import INTEGRATORS as METHODS
from lieham.integrate import make_integrator

INTEGRATORS = [make_integrator(name) for name in METHODS]
"""Every registered integrator with its default settings."""
