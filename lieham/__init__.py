"""lieham learns the Hamiltonian of an n-body system from trajectories, forecasts it, and shows what is conserved.

Names are imported when first used, so that `lieham --help` does not wait for torch.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOME = {
    "Bodies": "state",
    "CloudDataset": "data",
    "Conservation": "drift",
    "Dataset": "data",
    "Forecast": "forecasting",
    "GeneralHamiltonian": "hamiltonian",
    "HLieConv": "models",
    "Hamiltonian": "hamiltonian",
    "LieConvClassifier": "models",
    "LieConvRegressor": "models",
    "PhaseState": "state",
    "PointClouds": "data",
    "SeparableHamiltonian": "hamiltonian",
    "Trajectory": "state",
    "VectorPotentialLieConv": "models",
    "audit": "auditing",
    "conservation": "drift",
    "fit": "training",
    "forecast": "forecasting",
    "infer_masses": "masses",
    "load_model": "models",
    "make_group": "groups",
    "momentum_map": "noether",
    "predict": "scoring",
    "read": "data",
    "save_model": "models",
    "scores": "scoring",
}

__all__ = [*sorted(_HOME), "__version__"]


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module 'lieham' has no attribute {name!r}")
    return getattr(import_module(f"lieham.{_HOME[name]}"), name)


def __dir__():
    return __all__
