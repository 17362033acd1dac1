"""`model_for` builds the model that a config describes, for given clouds."""

from __future__ import annotations

from dataclasses import asdict

import torch

from lieham.data.clouds import CloudDataset
from lieham.errors import InputError
from lieham.groups import make_group
from lieham.models.classifier import LieConvClassifier
from lieham.models.cloud import CloudModel
from lieham.models.config import CloudModelConfig
from lieham.models.regressor import LieConvRegressor


def model_for(data: CloudDataset, group: str, config: CloudModelConfig) -> CloudModel:
    """Return a classifier for classes or a regressor for numbers, with the dimension and the features of the data.

    Where the config leaves it open, classes are predicted as in the paper, by the mean over the points and by kernels
    of the group's coordinates alone. Numbers are predicted with radial functions, by the sum over the points where the
    data's provenance says that the numbers are `extensive`, else by the mean. The number of classes is that of the
    provenance, or else one more than the largest label.

    Args:
        data: the clouds.
        group: the declared symmetry.
        config: the architecture.

    Raises:
        InputError: if the group acts on another number of dimensions than the data have, and where `CloudModel`
            raises it.
    """
    declared, first = make_group(group), next(iter(data.splits.values()))
    if declared.space_dim != first.dim:
        raise InputError(f"group must act on {first.dim} dimensions like the data, got {declared}")
    settings = asdict(config) | {"dtype": getattr(torch, config.dtype)}
    if config.mean is None:
        settings["mean"] = not data.provenance.extensive
    if first.targets.is_floating_point():
        return LieConvRegressor(declared, data.n_features, **settings)
    if not config.lift and declared.acts_freely:
        settings["lift"] = {"kind": "point", "bases": 0}
    classes = data.provenance.classes or 1 + max(int(x.targets.max()) for x in data.splits.values())
    return LieConvClassifier(declared, data.n_features, classes, **settings)
