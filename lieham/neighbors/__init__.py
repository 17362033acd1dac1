"""These strategies choose the pairs of points over which a convolution sums; the lift says what is seen of a pair."""

from lieham.neighbors.all_pairs import AllPairs, complete_list
from lieham.neighbors.base import Neighbors
from lieham.neighbors.given import GivenPairs
from lieham.neighbors.monte_carlo import MonteCarlo, MonteCarloSettings
from lieham.neighbors.subsample import farthest_first
from lieham.neighbors.within_radius import within_radius

__all__ = [
    "AllPairs",
    "GivenPairs",
    "MonteCarlo",
    "MonteCarloSettings",
    "Neighbors",
    "complete_list",
    "farthest_first",
    "within_radius",
]
