"""Conservation over 10⁴ Yoshida-4 steps under every group of isometries that is not all rigid motions:
`python benchmarks/scripts/subgroups.py`.

Random weights, float64, compensated summation: the largest drift of the charges promised, the smallest of the others.
Under SO(2)xTrivial(1) no random weights hold the bodies together along z, so they are held in a trap ½ |q|², which has
that symmetry; without it they fly thousands away, and L_z loses 1.7e-13 to round-off there.
"""

import argparse
import sys
from pathlib import Path

import torch

import lieham
import systems

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from untrained import random_weights

OTHERS = (
    *("T(2)", "T(3)", "SO(2)", "SO(3)", "SO(2)xT(1)", "SE(2)xTrivial(1)", "SE(2)xT(1)", "Trivial(2)xT(1)"),
    *("SO(2)xTrivial(1)", "Helical(0.7)"),
)
"""Isometries that are not all rigid motions."""


class Trapped(lieham.SeparableHamiltonian):
    """A model in V = ½ Σ |q|²."""

    def __init__(self, model: lieham.HLieConv):
        super().__init__(lambda q, bodies: model.potential(q, bodies) + 0.5 * q.square().sum((-1, -2)))
        self.group = model.group


def bound(group: str, start: lieham.Trajectory) -> lieham.HLieConv:
    """Of 20 random weights those under which the bodies stay closest: where |q| grows exponentially, so does its
    round-off."""
    reach = {}
    for seed in range(20):
        model = random_weights(lieham.HLieConv(group, 1, width=16), start, seed)
        q = lieham.forecast(model, start, 100, dt=0.05, substeps=4).trajectory.q
        reach[seed] = q.abs().max().item()
    return random_weights(lieham.HLieConv(group, 1, width=16), start, min(reach, key=reach.get))


def other_row(group: str, steps: int) -> str:
    """Largest drift of the charges that are promised to a group, and the smallest of the others."""
    dim = lieham.make_group(group).space_dim
    start = systems.Springs(dim=dim).generate(2, 0, 0, seed=11, points=2).train
    model = bound(group, start)
    model = Trapped(model) if group == "SO(2)xTrivial(1)" else model
    forecast = lieham.forecast(model, start, steps, dt=0.005, method="yoshida4", substeps=1)
    charges = [c for c in lieham.conservation(forecast).charges if c.name != "H"]
    kept = {c.name: c.drift.max().item() for c in charges if c.promised}
    lost = min(c.drift.max().item() for c in charges if not c.promised)
    return f"{group:<18} {steps:>6}  {max(kept.values()):9.1e}  {lost:9.1e}  {', '.join(kept)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--groups", nargs="*")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("group               steps       kept       lost  promised")
    for group in given.groups or OTHERS:
        print(other_row(group, given.steps), flush=True)


if __name__ == "__main__":
    main()
