"""Handwritten digits: learned upright, read at any angle, by a network that knows turns and by one that does not.

`python examples/digits.py` takes some minutes; `--small` seconds. It prints the test error of both, upright and turned,
beside what needs no network, and how far the scores of a digit move when its pixels are turned, which is round-off for
SO(2). The turned digits of the test are drawn anew on the upright grid, so they are not the same clouds: there SO(2) is
far better than T(2), and far worse than upright. Whoever wants all angles trains on all angles: `lieham train digits`.
"""

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import torch

import lieham
from lieham.evaluate import confusion
from lieham.models import model_for
from lieham.plotting.clouds import plot_confusion, plot_digits
from systems.images.baselines import nearest_neighbour_error
from systems.images.digits import DigitOptions, digits
from systems.images.pixels import as_images
from systems.images.presets import DIGITS_MODEL, DIGITS_TRAIN


def moved(model: lieham.LieConvClassifier, clouds: lieham.PointClouds, degrees: float) -> float:
    """The largest change of a score when all pixels are turned about the centre, values and all."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    turn = clouds.points.new_tensor([[c, -s], [s, c]])
    with torch.no_grad():
        return float((model(replace(clouds, points=clouds.points @ turn.T)) - model(clouds)).abs().max())


def main(folder: Path, n_train: int = 3500, n_test: int = 1000, width: int = 32, steps: int = 300) -> dict[str, float]:
    options = DigitOptions(train_angles=(0, 0), dtype=torch.float64)  # trains and validates upright
    turned = digits(n_train, n_test // 2, n_test, options=options)  # tests in all directions
    upright = digits(n_train, n_test // 2, n_test, options=replace(options, test_angles=(0, 0)))

    errors = {}
    for group in ("T(2)", "SO(2)"):
        model = model_for(upright, group, replace(DIGITS_MODEL, width=width, dtype="float64"))
        lieham.fit(model, upright, config=replace(DIGITS_TRAIN, steps=steps))
        for name, data in (("upright", upright), ("turned", turned)):
            errors[f"{group} {name}"] = lieham.scores(model, data.test)["error"]
        errors[f"{group} moves"] = moved(model, turned.test[:50], 37.0)

    print(f"error on {n_test} digits, after {n_train} upright ones    upright    turned    largest change of a score")
    for group in ("T(2)", "SO(2)"):
        two = "   ".join(f"{100 * errors[f'{group} {name}']:6.1f} %" for name in ("upright", "turned"))
        print(f"  LieConvClassifier {group:<34} {two}   {errors[f'{group} moves']:.1e}")
    baselines = [100 * nearest_neighbour_error(data) for data in (upright, turned)]
    print(f"  {'nearest training image':<52} {baselines[0]:6.1f} %   {baselines[1]:6.1f} %")
    print(f"  {'the same, in 24 directions':<52} {100 * nearest_neighbour_error(turned, 24):17.1f} %")

    said, test = lieham.predict(model, turned.test), turned.test
    plot_confusion(confusion(test.targets, said, 10), folder / "confusion.png", [str(k) for k in range(10)])
    titles = [f"{true} as {k}" for true, k in zip(test.targets[:24].tolist(), said[:24].tolist(), strict=True)]
    plot_digits(as_images(test[:24]), titles, folder / "digits.png")
    print(f"pictures of what SO(2) said of turned digits are in {folder}")
    return errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("runs/digits_example"))
    given = parser.parse_args()
    try:
        main(given.folder, **({"n_train": 400, "n_test": 100, "width": 16, "steps": 20} if given.small else {}))
    except lieham.errors.InputError as error:
        sys.exit(f"{error}")
