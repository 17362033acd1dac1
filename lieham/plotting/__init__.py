"""This package draws trajectories, drift, errors, training and predictions.

Each function writes one PNG, without global state.
"""

from lieham.plotting.checks import plot_checks
from lieham.plotting.clouds import plot_confusion, plot_digits, plot_parity
from lieham.plotting.curves import plot_curves
from lieham.plotting.style import COLOURS
from lieham.plotting.trajectories import plot_drift, plot_errors, plot_positions, plot_trajectories

__all__ = [
    "COLOURS",
    "plot_checks",
    "plot_confusion",
    "plot_curves",
    "plot_digits",
    "plot_drift",
    "plot_errors",
    "plot_parity",
    "plot_positions",
    "plot_trajectories",
]
