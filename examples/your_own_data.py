"""Your own trajectories: an .npz file of times, positions, velocities and masses, learned and forecast.

Here a planet-like system is written as somebody else might have recorded it: velocities instead of momenta, float32,
one array a quantity. Put your own file in its place. It prints the forecast's error on unseen systems, beside that of
constant state and of free flight.
"""

import argparse
from pathlib import Path

import numpy as np

import lieham
import systems
from systems.baselines import constant_state, free_flight, window_mse


def record(path: Path, systems_recorded: int, points: int) -> None:
    """Write the file that an experiment might have left behind."""
    law = systems.Gravity(n_bodies=4, dim=3)
    x = law.generate(systems_recorded, n_val=0, n_test=0, seed=1, points=points).train
    velocities = x.p / x.bodies.mass[:, None, :, None]
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, times=x.times[0].numpy(), q=x.q.numpy(), v=velocities.numpy(), mass=x.bodies.mass.numpy())


def main(path: Path, recorded: int = 100, points: int = 200, training: dict | None = None) -> dict[str, float]:
    record(path, recorded, points)

    data = lieham.read(path)  # 80 % of the trajectories train, 10 % validate, 10 % test
    model = lieham.HLieConv("SE(3)", features=data.n_features)
    lieham.fit(model, data, **(training or {}))

    forecast = lieham.forecast(model, data.test, steps=points - 1)
    scores = {"HLieConv-SE(3)": forecast.errors(data.test).mean().item()}
    for name, path_of in (("constant state", constant_state), ("free flight", free_flight)):
        scores[name] = window_mse(path_of(data.test), data.test).mean().item()
    print(f"mean squared error of (q, p) over {points - 1} steps of {len(data.test)} unseen systems")
    for name, score in scores.items():
        print(f"  {name:<16} {score:.1e}")
    print(lieham.conservation(forecast))
    return scores


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--path", type=Path, default=Path("runs/recorded.npz"))
    given = parser.parse_args()
    if given.small:
        main(given.path, recorded=10, points=20, training={"steps": 20, "refine": 5})
    else:
        main(given.path)
