"""The published spring benchmark, 100 training trajectories, several seeds: `python benchmarks/springs.py`.

Prints for each seed the 5-step MSE on 2,000 unseen windows (mean, median), the rollout MSE against the exact solution
at steps 10, 100, 499, the training seconds, and the floors. The same numbers as `lieham demo`, without its pictures.
"""

import argparse
import platform

import torch

import lieham
import systems
from lieham.integrate import make_integrator
from systems.floors import floors, window_mse

HORIZONS = (10, 100, 499)


def score(n_train: int, seed: int, group: str) -> list[float]:
    """5-step mean and median, rollout means, seconds of one trained model."""
    springs = systems.Springs()
    data = springs.benchmark(n_train, seed=seed)
    model = lieham.HLieConv(group, data.n_features, seed=seed)
    history = lieham.fit(model, data, seed=seed)
    windows = data.test
    with torch.no_grad():
        path = make_integrator("rkn4").integrate(model.field(windows.bodies), windows.state(0), windows.times)
    five = window_mse(path, windows)
    truth = springs.unseen(20, max(HORIZONS))
    errors = lieham.forecast(model, truth, max(HORIZONS)).errors(truth)
    return [five.mean().item(), five.median().item(), *(errors[:, k].mean().item() for k in HORIZONS), history.seconds]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--n_train", type=int, default=100)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--group", default="SE(2)")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"torch {torch.__version__}, {given.threads} thread(s), {platform.machine()}, float64, {given.group}")
    print("seed   5-step mean   median    " + "".join(f"step {k:<7}" for k in HORIZONS) + "seconds")
    for seed in range(given.seeds):
        *errors, seconds = score(given.n_train, seed, given.group)
        print(f"{seed:<6}", "   ".join(f"{x:.1e}" for x in errors), f"  {seconds:.0f}", flush=True)
    springs = systems.Springs()
    for name, x in floors(springs.benchmark(1).test, springs).items():
        print(f"floor: {name:<16} {x.mean().item():.1e}   {x.median().item():.1e}")


if __name__ == "__main__":
    main()
