"""Which pairs of points a convolution sees; what is seen of one pair is the lift's to say."""

from lieham.neighbors.monte_carlo import Neighbourhoods, Neighbours
from lieham.neighbors.subsample import farthest_first

__all__ = ["Neighbourhoods", "Neighbours", "farthest_first"]
