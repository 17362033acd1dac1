"""Models: Hamiltonians that hold a network."""

from lieham.models.hamiltonian_lieconv import HLieConv, LieConvPotential
from lieham.models.io import MODELS, LieConvModel, load_model, load_weights, save_model
from lieham.models.vector_potential import VectorPotentialLieConv

__all__ = [
    "MODELS",
    "HLieConv",
    "LieConvModel",
    "LieConvPotential",
    "VectorPotentialLieConv",
    "load_model",
    "load_weights",
    "save_model",
]
