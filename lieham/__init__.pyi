"""Types of the public names, which `__init__.py` imports when they are first used."""

from lieham.auditing import audit as audit
from lieham.data import CloudDataset as CloudDataset
from lieham.data import Dataset as Dataset
from lieham.data import PointClouds as PointClouds
from lieham.data import read as read
from lieham.drift import Conservation as Conservation
from lieham.drift import conservation as conservation
from lieham.forecasting import Forecast as Forecast
from lieham.forecasting import forecast as forecast
from lieham.groups import make_group as make_group
from lieham.hamiltonian import GeneralHamiltonian as GeneralHamiltonian
from lieham.hamiltonian import Hamiltonian as Hamiltonian
from lieham.hamiltonian import SeparableHamiltonian as SeparableHamiltonian
from lieham.masses import infer_masses as infer_masses
from lieham.models import HLieConv as HLieConv
from lieham.models import LieConvClassifier as LieConvClassifier
from lieham.models import LieConvRegressor as LieConvRegressor
from lieham.models import VectorPotentialLieConv as VectorPotentialLieConv
from lieham.models import load_model as load_model
from lieham.models import save_model as save_model
from lieham.noether import momentum_map as momentum_map
from lieham.scoring import predict as predict
from lieham.scoring import scores as scores
from lieham.state import Bodies as Bodies
from lieham.state import PhaseState as PhaseState
from lieham.state import Trajectory as Trajectory
from lieham.training import fit as fit

__version__: str
