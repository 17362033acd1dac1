"""The names of the laws, for programs that list them before torch is imported; a test holds them to `SYSTEMS`."""

from __future__ import annotations

LAWS = (
    *("springs", "gravity", "planets", "coulomb", "charged-particles", "yukawa", "lennard-jones", "morse", "bending"),
    *("double-spring-pendulum", "falling-springs", "magnetic-springs"),
)
"""Every law of `systems.SYSTEMS` by its name."""
