"""The registry knows every model that can be saved, and the settings that build it again."""

from __future__ import annotations

from lieham.models.classifier import LieConvClassifier
from lieham.models.hlieconv import HLieConv
from lieham.models.regressor import LieConvRegressor
from lieham.models.vector_potential import VectorPotentialLieConv

LieConvModel = HLieConv | VectorPotentialLieConv | LieConvClassifier | LieConvRegressor

_ALL = (HLieConv, VectorPotentialLieConv, LieConvClassifier, LieConvRegressor)
MODELS: dict[str, type[LieConvModel]] = {model.__name__: model for model in _ALL}
"""This dictionary maps the name of every model that can be saved to its class."""


def settings_of(model: LieConvModel) -> dict:
    """Return the settings that build the model again, with the precision that its weights have now."""
    kind = {"kind": type(model).__name__}
    return kind | model.config | {"dtype": str(next(model.parameters()).dtype).removeprefix("torch.")}
