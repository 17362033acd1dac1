"""A molecule learned from its motion, and from forces: errors against seconds, and a long run at constant energy.

Run it with `python -m benchmarks molecules_md`; it needs `pip install 'lieham[molecules]'`. With `--python PATH`, a
Python that has mace-torch 0.3.16, MACE learns from the same frames with forces given, on as many threads.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.data.long_runs import Run, long_runs
from benchmarks.data.molecules import errors, milliseconds, motion_alone
from benchmarks.engine.tables import markdown, number
from lieham import HLieConv, fit
from lieham.data import Dataset
from systems.molecules.tight_binding import elements, molecular_dynamics

FRAMES = 1000
"""The rival sees so many frames, evenly spaced, which are about as many as our regression takes."""


def learned(data: Dataset) -> tuple[HLieConv, float, str]:
    """Return a model that the default fit made, with its seconds and what it chose."""
    model = HLieConv("SE(3)", data.n_features)
    began = time.perf_counter()
    history = fit(model, data, steps=0, refine=0)
    return model, time.perf_counter() - began, str(history.kept.get("choice", "pairs are enough"))


def rival(python: str, data: Dataset, name: str, minutes: list[float], threads: int) -> dict:
    """Return what MACE reached after each of some minutes, in a process of its own."""
    train, test = data.train, data.test
    assert train is not None and test is not None and train.forces is not None and train.energy is not None
    assert test.forces is not None
    few = torch.linspace(0, train.q.shape[0] * train.q.shape[1] - 1, FRAMES).long()
    q, forces, energy = (x.flatten(0, 1)[few].numpy() for x in (train.q, train.forces, train.energy))
    unseen = {"q_test": test.q[:, ::5].flatten(0, 1).numpy(), "forces_test": test.forces[:, ::5].flatten(0, 1).numpy()}
    with tempfile.TemporaryDirectory() as folder:
        frames, result = Path(folder) / "frames.npz", Path(folder) / "result.json"
        np.savez(frames, q=q, forces=forces, energy=energy, numbers=elements(name), **unseen)
        script = Path(__file__).parents[1] / "baselines" / "rival_mace.py"
        asked = ["--threads", str(threads), "--minutes", *map(str, minutes)]
        subprocess.run([python, str(script), str(frames), str(result), *asked], check=True)
        return json.loads(result.read_text())


def picture(truth: torch.Tensor, runs: list[Run], path: Path) -> None:
    """Draw the distances of all pairs in the data and in the runs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    lengths = torch.cat([x.lengths.flatten() for x in runs])
    for x, label in ((truth, "data, GFN2-xTB"), (lengths, f"learned, long runs: {len(runs)}")):
        axes.hist(x.numpy(), bins=200, range=(0.8, 4.8), density=True, histtype="step", label=label)
    axes.set(xlabel="distance of two atoms in Å", ylabel="density")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print the errors, the time of a force, and what the run keeps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--molecule", default="ethanol")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trajectories", type=int, default=16)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--steps", type=int, default=100_000, help="of the run at constant energy; 0 for none")
    parser.add_argument("--starts", type=int, default=4, help="unseen trajectories from which such a run is made")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--python", help="a Python that has mace-torch")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 2, 5, 10, 20, 30], help="of the rival")
    parser.add_argument("--picture", type=Path, default=Path("molecules_md.png"))
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    data = molecular_dynamics(given.molecule, given.trajectories, given.frames, given.seed)
    assert data.train is not None and data.test is not None and data.test.forces is not None
    size = 1e3 * float(data.test.forces.abs().mean())
    print(f"{given.molecule}, seed {given.seed}: {data}, mean |component of F| {size:.0f} meV/Å", flush=True)
    rows = []
    for label, of in (("lieham, forces given", data), ("lieham, from motion alone", motion_alone(data))):
        model, taken, said = learned(of)
        force, energy = errors(model, data.test)
        rows.append([label, f"{taken:.0f}", number(force), number(energy)])
        print(f"{rows[-1]}: {said}", flush=True)
    found = rival(given.python, data, given.molecule, given.minutes, given.threads) if given.python else {"rows": []}
    rows += [["MACE, forces given", f"{x['seconds']:.0f}", number(x["force_mae"]), ""] for x in found["rows"]]
    print(markdown(["learner", "seconds", "force, meV/Å", "energy, meV"], rows), flush=True)
    torch.set_num_threads(1)
    fast, eager = (milliseconds(model, data.test, compiled) for compiled in (True, False))
    beside = f", MACE {found['ms']:.1f} ms" if "ms" in found else ""
    print(f"one force on one core: compiled {fast:.2f} ms, else {eager:.2f} ms{beside}", flush=True)
    runs = long_runs(model, data, given.steps, given.starts) if given.steps else []
    if runs:
        i, j = torch.triu_indices(*(data.test.q.shape[-2],) * 2, 1)
        q = torch.cat([data.train.q, data.test.q]).flatten(0, 1)
        picture((q[:, i] - q[:, j]).norm(dim=-1).flatten(), runs, given.picture)


if __name__ == "__main__":
    main()
