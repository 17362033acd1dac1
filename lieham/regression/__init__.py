"""The default learner: ridge regression on a dictionary of invariants, posed in weak form."""

from lieham.regression.ridge_stage import LinearStage
from lieham.regression.state_elimination import StatesStage

__all__ = ["LinearStage", "StatesStage"]
