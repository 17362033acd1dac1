"""Conservation over 10⁴ Yoshida-4 steps, and the negative controls: `python benchmarks/scripts/conservation.py`.

`--rigid --steps 100000 --compile --at_rest` prints the first table alone for 10⁵ steps, with the force compiled. For
other groups see `subgroups.py`.

float64, compensated summation, one step between outputs. Drift of P relative to Σ|p_i|, of L about the centre of mass
to Σ|q_i × p_i|, of H to the mean kinetic energy: its largest value in the first and in the last quarter of the run tell
whether it grows. Unless `--at_rest`, P is not 0 and the systems drift off, so that L_cm carries the round-off of
positions that are far away.
"""

import argparse
import sys
from pathlib import Path

import torch

import lieham
import systems

sys.path.insert(0, str(Path(__file__).parents[2] / "examples"))
from untrained import random_weights


def model_for(group: str, dim: int, trained: bool, start: lieham.Trajectory) -> lieham.HLieConv:
    """A model with random weights that bind the bodies, or one trained for a minute on springs of that dimension."""
    if not trained:
        return random_weights(lieham.HLieConv(group, 1, width=16), start)
    data = systems.Springs(dim=dim).generate(20, 5, 0, seed=1, points=50)
    model = lieham.HLieConv(group, 1)
    lieham.fit(model, data, steps=200, refine=50)
    return model


def row(group: str, trained: bool, method: str, steps: int, at_rest: bool = False, **settings) -> str:
    """One line of the table."""
    dim = int(group[-2])
    start = systems.Springs(dim=dim, centred_momenta=at_rest).generate(2, 0, 0, seed=11, points=2).train
    model = model_for(group, dim, trained, start)
    report = lieham.conservation(lieham.forecast(model, start, steps, dt=0.005, method=method, **settings))
    energy = report["H"].drift.amax(0)
    quarter = len(energy) // 4
    names = ("P", "L_cm", "L")
    drift = [max(c.drift.max().item() for c in report.charges if c.name.rstrip("_xyz") == name) for name in names]
    drift += [energy[:quarter].max().item(), energy[-quarter:].max().item()]
    weights = "trained" if trained else "untrained"
    return f"{group:<12} {weights:<10} {method:<9} {steps:>6}  " + "  ".join(f"{x:9.1e}" for x in drift)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=10_000)
    parser.add_argument("--compile", action="store_true", help="compile the force; needs a C++ compiler")
    parser.add_argument("--at_rest", action="store_true", help="P = 0: the systems do not drift off")
    parser.add_argument("--rigid", action="store_true", help="without the negative controls")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print("group        weights    method     steps          P       L_cm          L  H 1st qtr  H last qtr")
    yoshida = {"method": "yoshida4", "substeps": 1, "compile": given.compile, "at_rest": given.at_rest}
    for group in ("SE(2)", "SE(3)"):
        for trained in (False, True):
            print(row(group, trained, steps=given.steps, **yoshida), flush=True)
    print(row("SE(2)", False, steps=given.steps, compensated=False, **yoshida), " (without compensation)", flush=True)
    if given.rigid:
        return
    print("negative controls")
    print(row("SE(2)", True, "rk4", given.steps // 10, substeps=1), flush=True)
    for group in ("T(2)", "SO(2)", "Trivial(2)"):
        print(row(group, False, steps=given.steps // 10, **yoshida), flush=True)


if __name__ == "__main__":
    main()
