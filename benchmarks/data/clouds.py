"""The networks and batches that `clouds_speed` times, of images and of molecules."""

from __future__ import annotations

from importlib.util import find_spec

import torch
from torch.nn.functional import pad

from lieham.data import PointClouds
from lieham.models import CloudModel, LieConvClassifier, LieConvRegressor
from systems.images.pixels import as_clouds
from systems.molecules.qm9 import clouds_of, molecules


def images(k: int) -> tuple[CloudModel, PointClouds]:
    """The paper's network on random images: they cost what digits do."""
    generator = torch.Generator().manual_seed(0)
    data = as_clouds(torch.rand(k, 28, 28, generator=generator), torch.arange(k) % 10, crop=False)
    return LieConvClassifier("T(2)", 1, width=64, blocks=4, most=25, fill=0.1, keep=0.1, growth=2.0), data


def atoms(k: int) -> tuple[CloudModel, PointClouds]:
    """The paper's network on molecules, padded to 29 places each."""
    if find_spec("qm9pack"):
        data = molecules(n_train=k, n_val=0, n_test=0).train
    else:
        generator = torch.Generator().manual_seed(0)
        counts = torch.randint(12, 24, (k,), generator=generator).tolist()
        places = [3 * torch.randn(n, 3, generator=generator) for n in counts]
        data = clouds_of([[6] * n for n in counts], places, torch.rand(k, generator=generator))
    lacking = 29 - data.mask.shape[1]
    points, features = (pad(x, (0, 0, 0, lacking)) for x in (data.points, data.features))
    data = PointClouds.of(points, features, data.targets, pad(data.mask, (0, lacking)))
    return LieConvRegressor("T(3)", 15, width=64, blocks=4, most=16), data


def apart(clouds: PointClouds) -> PointClouds:
    """The same with points of its own for every cloud."""
    k = len(clouds)
    points, mask = clouds.points.expand(k, -1, -1).contiguous(), clouds.mask.expand(k, -1).contiguous()
    return PointClouds(points, clouds.features, mask, clouds.targets)
