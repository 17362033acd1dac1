"""Molecules: the highest occupied orbital of QM9's, learned by a network that no motion in space can change.

`python examples/molecules.py` takes some minutes; `--small` seconds. It prints the error beside what needs no network,
and how far predictions move with a molecule, one of QM9 and one of one's own: by round-off.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import torch

import lieham
from lieham.plotting.clouds import plot_parity
from systems.molecules.baselines import linear_on_counts, mean_predictor
from systems.molecules.qm9 import MoleculeOptions, clouds_of, molecules

WATER = {"charges": [8, 1, 1], "positions": [[0.0, 0.0, 0.0], [0.96, 0.0, 0.0], [-0.24, 0.93, 0.0]]}


def moved(model: lieham.LieConvRegressor, clouds: lieham.PointClouds) -> float:
    """The largest change of a prediction, in eV, when every molecule is turned and shifted in space."""
    motion = model.group.sample(len(clouds), 1, generator=torch.Generator().manual_seed(0))
    there = model.group.act(motion.to(clouds.points), clouds.points)
    return float((lieham.predict(model, replace(clouds, points=there)) - lieham.predict(model, clouds)).abs().max())


def main(folder: Path, n_train: int = 2000, n_test: int = 2000, steps: int = 1000) -> dict[str, float]:
    data = molecules("homo", n_train, n_val=n_test // 4, n_test=n_test, options=MoleculeOptions(dtype=torch.float64))
    model = lieham.LieConvRegressor("SE(3)", data.n_features, width=32, blocks=2, dtype=torch.float64)
    lieham.fit(model, data, steps=steps, evaluate_every=100)

    baselines = {"linear in the counts of elements": linear_on_counts, "median of the training set": mean_predictor}
    errors = {"LieConvRegressor SE(3), exact": lieham.scores(model, data.test)["mae"]}
    errors |= {name: baseline(data.train, data.test) for name, baseline in baselines.items()}
    print(f"mean absolute error of the HOMO of {n_test} molecules, after {n_train}")
    for name, error in errors.items():
        print(f"  {name:<34} {1000 * error:6.0f} meV")

    water = clouds_of([WATER["charges"]], [WATER["positions"]], [0.0], torch.float64)  # its HOMO is asked, not told
    print(f"of water {lieham.predict(model, water).item():.2f} eV")
    for name, clouds in (("molecules of QM9", data.test[:100]), ("water", water)):
        errors[f"{name} moved"] = moved(model, clouds)
        print(f"largest change with a motion of {name}: {errors[f'{name} moved']:.1e} eV")

    path = plot_parity(data.test.targets, lieham.predict(model, data.test), folder / "parity.png", "eV")
    print(f"predicted against true values are in {path}")
    return errors


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--folder", type=Path, default=Path("runs/molecules_example"))
    given = parser.parse_args()
    try:
        main(given.folder, **({"n_train": 200, "n_test": 200, "steps": 40} if given.small else {}))
    except lieham.errors.InputError as error:
        sys.exit(f"{error}")
