"""The public names, which `__init__.py` imports when they are first used."""

from .auditing import audit as audit
from .conservation import Conservation as Conservation
from .conservation import conservation as conservation
from .conservation import momentum_map as momentum_map
from .data import CloudDataset as CloudDataset
from .data import Dataset as Dataset
from .data import PointClouds as PointClouds
from .data import infer_masses as infer_masses
from .data import read as read
from .dynamics import GeneralHamiltonian as GeneralHamiltonian
from .dynamics import Hamiltonian as Hamiltonian
from .dynamics import SeparableHamiltonian as SeparableHamiltonian
from .errors import LiehamWarning as LiehamWarning
from .evaluate import predict as predict
from .evaluate import scores as scores
from .forecasting import Forecast as Forecast
from .forecasting import forecast as forecast
from .groups import make_group as make_group
from .models import HLieConv as HLieConv
from .models import LieConvClassifier as LieConvClassifier
from .models import LieConvRegressor as LieConvRegressor
from .models import VectorPotentialLieConv as VectorPotentialLieConv
from .models import load_model as load_model
from .models import save_model as save_model
from .state import Bodies as Bodies
from .state import PhaseState as PhaseState
from .state import Trajectory as Trajectory
from .training import fit as fit

__version__: str
