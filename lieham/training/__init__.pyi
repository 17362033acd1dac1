from .config import CloudTrainConfig as CloudTrainConfig
from .config import TrainConfig as TrainConfig
from .fit import fit as fit
from .history import History as History
from .run_folder import RunFolder as RunFolder
from .trainer import Trainer as Trainer
