"""Models: Hamiltonians that hold a network."""

from lieham.models.hamiltonian_lieconv import HLieConv, LieConvPotential
from lieham.models.io import load_model, load_weights, save_model

__all__ = ["HLieConv", "LieConvPotential", "load_model", "load_weights", "save_model"]
