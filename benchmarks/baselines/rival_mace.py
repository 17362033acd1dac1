"""MACE (Batatia et al. 2022, arXiv 2206.07697) on the frames of a file, in a process with a Python of its own.

It imports nothing of this project, since it runs where `mace-torch` is installed: `PYTHON rival_mace.py FRAMES RESULT`.
FRAMES is an npz with q, forces (frames, n, 3), energy (frames,) and numbers (n,) of `train`, and q_test, forces_test.
The settings are those of small molecules in the paper: 32x0e + 32x1o, two layers, correlation 3, batches of 10.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import time

os.environ.setdefault("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")

import numpy as np
import torch

RADIUS, BATCH, RATE, DECAY = 4.5, 10, 0.01, 0.99


def build(numbers: np.ndarray, scale: float, energy: float) -> torch.nn.Module:
    """Return a fresh MACE for these elements, whose energies have this mean and whose forces this root mean square."""
    from e3nn import o3
    from mace import modules

    return modules.ScaleShiftMACE(
        r_max=RADIUS, num_bessel=8, num_polynomial_cutoff=5, max_ell=3,
        interaction_cls=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        interaction_cls_first=modules.interaction_classes["RealAgnosticResidualInteractionBlock"],
        num_interactions=2, num_elements=len(set(numbers)), hidden_irreps=o3.Irreps("32x0e + 32x1o"),
        MLP_irreps=o3.Irreps("16x0e"), gate=torch.nn.functional.silu, avg_num_neighbors=len(numbers) - 1.0,
        atomic_energies=np.full(len(set(numbers)), energy / len(numbers)), atomic_numbers=sorted(set(numbers)),
        correlation=3, atomic_inter_scale=scale, atomic_inter_shift=0.0,
    )  # fmt: skip


def loader(data: dict, of: str, batch: int, shuffle: bool) -> torch.utils.data.DataLoader:
    """Return MACE's own loader of the frames of `train` or `test`."""
    from ase import Atoms
    from mace import data as frames
    from mace.tools import AtomicNumberTable, torch_geometric

    table = AtomicNumberTable(sorted({int(x) for x in data["numbers"]}))
    q, forces = (data[name + ("_test" if of == "test" else "")] for name in ("q", "forces"))
    rows = []
    for k in range(len(q)):
        atoms = Atoms(data["numbers"], q[k])
        atoms.arrays["REF_forces"] = forces[k]
        atoms.info["REF_energy"] = float(data["energy"][k]) if of == "train" else 0.0
        keys = frames.utils.KeySpecification(info_keys={"energy": "REF_energy"}, arrays_keys={"forces": "REF_forces"})
        rows.append(frames.AtomicData.from_config(frames.config_from_atoms(atoms, keys), table, cutoff=RADIUS))
    return torch_geometric.dataloader.DataLoader(rows, batch_size=batch, shuffle=shuffle, drop_last=shuffle)


def error(model: torch.nn.Module, batches: list) -> float:
    """Return the mean absolute error of the components of forces, in meV/Å."""
    found = [(model(x.to_dict())["forces"] - x.forces).detach().abs().mean() for x in batches]
    return 1e3 * float(torch.stack(found).mean())


def main() -> None:
    """Train for the asked minutes, and write the error after each of them, without the time of measuring it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("frames")
    parser.add_argument("result")
    parser.add_argument("--minutes", type=float, nargs="+", default=[1, 2, 5, 10, 20, 30])
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float32)
    data = dict(np.load(given.frames))
    numbers, rms = [int(x) for x in data["numbers"]], float(np.sqrt(np.mean(data["forces"] ** 2)))
    model = build(np.array(numbers), rms, float(data["energy"].mean()))
    average = copy.deepcopy(model)
    test = list(loader(data, "test", 50, False))
    train = loader(data, "train", BATCH, True)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE, amsgrad=True)
    found, spent, last = [], 0.0, time.perf_counter()
    while len(found) < len(given.minutes):
        for x in train:
            optimizer.zero_grad()
            out = model(x.to_dict(), training=True)
            by_atom = (out["energy"] - x.energy) / len(numbers)
            loss = 100 * (out["forces"] - x.forces).square().mean() + by_atom.square().mean()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            with torch.no_grad():
                for mean, own in zip(average.parameters(), model.parameters(), strict=True):
                    mean.lerp_(own, 1 - DECAY)
            spent += time.perf_counter() - last
            last = time.perf_counter()
            if len(found) < len(given.minutes) and spent > 60 * given.minutes[len(found)]:
                found.append({"seconds": spent, "force_mae": error(average, test)})
                print(json.dumps(found[-1]), flush=True)
                last = time.perf_counter()
                for group in optimizer.param_groups:
                    group["lr"] = RATE * 0.5 ** len(found)
    one = next(iter(loader(data, "test", 1, False)))
    torch.set_num_threads(1)
    began = time.perf_counter()
    for _ in range(20):
        model(one.to_dict())
    with open(given.result, "w") as file:
        json.dump({"rows": found, "ms": 50 * (time.perf_counter() - began)}, file)


if __name__ == "__main__":
    main()
