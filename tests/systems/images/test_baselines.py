"""The baselines on digits see what their classifiers can, and are blind where labels say nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from lieham.data import CloudDataset
from lieham.errors import InputError
from systems.images.baselines import linear_error, nearest_neighbour_error
from systems.images.pixels import as_clouds, turned
from tests.systems.images.helpers import GRID, GRID_OF_ITS_OWN, angles, noise

pytestmark = pytest.mark.filterwarnings("error")


def switches(k: int = 40) -> CloudDataset:
    """Two lamps, on or off; the label is whether exactly one is on."""
    on = torch.tensor([[0, 0], [0, 1], [1, 0], [1, 1]]).repeat(k // 4, 1)
    images = 0.1 * noise(k, 4)
    images[:, 1, 1:3] += 0.8 * on
    clouds = as_clouds(images, on.sum(1) % 2, 4)
    return CloudDataset(clouds, clouds[:4], clouds)


def bars() -> CloudDataset:
    """The label is which row of the image is bright."""
    images = 0.1 * noise(40, 4)
    images[torch.arange(40), torch.arange(40) % 4] += 0.8
    clouds = as_clouds(images, torch.arange(40) % 4, 4, crop=False)
    return CloudDataset(clouds[:20], clouds[20:24], clouds[24:])


def test_the_baselines_see_what_their_classifiers_can():
    assert nearest_neighbour_error(bars()) == linear_error(bars()) == 0
    assert nearest_neighbour_error(switches()) == 0, "its own training set"
    assert linear_error(switches()) >= 0.25, "no line tells one of two from both and none"


def test_the_baselines_are_blind_where_labels_say_nothing():
    """A label that is another one for every test image makes each classifier wrong."""
    data = bars()
    wrong = replace(data, test=replace(data.test, targets=(data.test.targets + 1) % 4))
    assert nearest_neighbour_error(wrong) == linear_error(wrong) == 1


def test_a_turned_training_image_is_a_neighbour_of_a_turned_test_image():
    """Bars along rows and columns: a quarter turn makes the one of the other, so labels by the pair of rows meet."""
    data = bars()
    lying = replace(data, test=turned(data.test, angles(*len(data.test) * [90.0])))
    assert nearest_neighbour_error(lying) > 0.3
    assert nearest_neighbour_error(replace(lying, test=turned(lying.test, angles(*len(data.test) * [-90.0])))) == 0
    # Rows 0 and 3 are each other's half turn, as are 1 and 2: with their labels put together all turns are right.
    train, test = (replace(x, targets=(x.targets % 3).clamp(max=1)) for x in (data.train, lying.test))
    assert nearest_neighbour_error(CloudDataset(train, test=test), turns=4) == 0
    with pytest.raises(InputError, match="turns must be at least 1, got 0"):
        nearest_neighbour_error(data, turns=0)


@pytest.mark.parametrize("floor", [nearest_neighbour_error, linear_error])
def test_baselines_ask_for_the_splits_they_need(floor):
    with pytest.raises(InputError, match="data must have a train split, got only test"):
        floor(CloudDataset(test=GRID))
    with pytest.raises(InputError, match="train split must be images on one grid"):
        floor(CloudDataset(GRID_OF_ITS_OWN, GRID_OF_ITS_OWN, GRID_OF_ITS_OWN))
