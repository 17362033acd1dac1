"""Models: Hamiltonians, classifiers and regressors that hold a network."""

from lieham.models.choice import model_for
from lieham.models.hamiltonian_lieconv import HLieConv, LieConvPotential
from lieham.models.heads import CloudModel, LieConvClassifier, LieConvRegressor
from lieham.models.io import MODELS, LieConvModel, load_model, load_weights, save_model
from lieham.models.vector_potential import VectorPotentialLieConv

__all__ = [
    "MODELS",
    "CloudModel",
    "HLieConv",
    "LieConvClassifier",
    "LieConvModel",
    "LieConvPotential",
    "LieConvRegressor",
    "VectorPotentialLieConv",
    "load_model",
    "load_weights",
    "model_for",
    "save_model",
]
