"""This package looks for forces that no potential explains, by a fit of those that one does."""

from lieham.data.check.forces.energy import check_forces

__all__ = ["check_forces"]
