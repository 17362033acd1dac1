"""Optimisation stages by gradients: Adam on random batches, L-BFGS on a fixed set."""

from lieham.optim.adam import AdamStage
from lieham.optim.lbfgs import LBFGSStage
from lieham.optim.stage import Stage

__all__ = ["AdamStage", "LBFGSStage", "Stage"]
