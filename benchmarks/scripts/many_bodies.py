"""Laws of many bodies, learned by the default fit: how many times less than free flight's error is left.

Run it with `python -m benchmarks many_bodies [--seeds 0 1 2] [--only NAME ...]`. From 100 windows of 5 points
(bending) or 100 trajectories of 20 points it learns with `lieham.fit(model, data, steps=0, refine=0)`; the
errors are those of windows of 5 points of unseen ones, 5 steps ahead.
"""

from __future__ import annotations

import argparse
import time

import torch

from benchmarks.data.many_bodies import LAWS
from benchmarks.engine.tables import markdown, number
from lieham import HLieConv, fit
from lieham.data import Dataset, Windows
from lieham.integrate import make_integrator
from lieham.state import Trajectory
from lieham.typing import Float, Tensor
from systems.baselines import free_flight, window_mse


def gains(data: Dataset) -> tuple[list[float], float, str]:
    """Return free flight's error over that of a model, the seconds, and the choice.

    It is that of the mean, of the mean over windows whose distances are among those of training, and of the median.
    """
    assert data.train is not None and data.test is not None
    model = HLieConv(f"SE({data.train.q.shape[-1]})", data.n_features)
    began = time.perf_counter()
    history = fit(model, data, steps=0, refine=0)
    taken = time.perf_counter() - began
    x = Windows(data.test, 5, "test").all()
    with torch.no_grad():
        path = make_integrator("rkn4").integrate(model.field(x.bodies), x.state(0), x.times)
    error, free = window_mse(path, x), window_mse(free_flight(x), x)
    said = str(history.kept.get("choice", "pairs are enough"))
    seen, own = distances(data.train), distances(x).flatten(1)
    within = (own.amin(1) >= seen.min()) & (own.amax(1) <= seen.max())
    ratios = [free.mean() / error.mean(), free[within].mean() / error[within].mean(), free.median() / error.median()]
    return [float(ratio) for ratio in ratios], taken, said


def distances(x: Trajectory) -> Float[Tensor, "windows time pairs"]:
    """Return the distances of all pairs."""
    i, j = torch.triu_indices(x.q.shape[-2], x.q.shape[-2], 1)
    return (x.q[..., i, :] - x.q[..., j, :]).norm(dim=-1)


def main() -> None:
    """Print a row for each law and seed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--only", nargs="+", default=list(LAWS), choices=list(LAWS), metavar="NAME")
    parser.add_argument("--count", type=int, default=100)
    args = parser.parse_args()
    rows = []
    for name in args.only:
        make, goal = LAWS[name]
        for seed in args.seeds:
            data = make(args.count if name == "bending" else 2 * args.count, 100 * seed)
            ratios, taken, said = gains(data)
            rows.append([name, str(seed), *map(number, ratios), number(goal), f"{taken:.0f}"])
            print(f"{name}, seed {seed}: {said}", flush=True)
    head = ["law", "seed", "mean", "mean, trained distances", "median", "goal of the mean", "seconds"]
    print(markdown(head, rows))


if __name__ == "__main__":
    main()
