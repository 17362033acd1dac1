"""Trajectories of small molecules on the energy surface of GFN2-xTB, made in half a minute by ase and tblite."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lieham.data import Dataset, Provenance
from lieham.errors import InputError, expected
from lieham.state import Bodies, Trajectory

STEP = 0.5
"""The step of velocity Verlet, in fs."""
WARM = 100
"""Steps before the first frame."""
ETHANOL, WATER_DIMER = "ethanol", "water dimer"
NAMED = {ETHANOL: "CH3CH2OH", "methanol": "CH3OH", "acetaldehyde": "CH3CHO", "benzene": "C6H6"}
"""Molecules by the name that they have in `ase.build.molecule`; others go by that name itself."""
APART = 2.9
"""The first distance of the oxygens of two waters, in Å."""


def molecular_dynamics(
    name: str = ETHANOL, k: int = 16, frames: int = 500, seed: int = 0, temperature: float = 1000.0, labels: bool = True
) -> Dataset:
    """Return trajectories of a molecule in vacuum: half of them to train, an eighth to validate, the others to test.

    The forces are those of the tight-binding model GFN2-xTB (Bannwarth, Ehlert, Grimme 2019, J. Chem. Theory Comput.
    15, 1652), the steps those of velocity Verlet, at constant energy. Units are Å, eV, u and Å √(u/eV) = 10.18 fs, in
    which F = dp/dt. Features of a body are 1 for its own element and 0 for the others.

    Args:
        name: "ethanol", "water dimer", or a name that `ase.build.molecule` knows.
        k: the number of trajectories, at least 4.
        frames: frames of each trajectory, `STEP` apart.
        seed: the seed of the first momenta.
        temperature: that of the first momenta, in K; half of it goes into the potential energy.
        labels: keep the forces and energies at the frames.

    Raises:
        InputError: if ase or tblite is not installed, the molecule is not known, or there are fewer trajectories.
    """
    if k < 4:
        raise expected("k", "at least 4 trajectories", k)
    found: list[dict[str, np.ndarray]] = []
    draw = np.random.default_rng(seed)
    start = _relaxed(name)
    for _ in range(k):
        found.append(_trajectory(start.copy(), frames, temperature, draw))
    joined = {key: torch.from_numpy(np.stack([x[key] for x in found])) for key in found[0]}
    numbers = torch.from_numpy(start.numbers)
    one_hot = (numbers[:, None] == numbers.unique()).double()
    bodies = Bodies.of(torch.from_numpy(start.get_masses()).expand(k, -1), one_hot.expand(k, *one_hot.shape))
    times = torch.arange(frames).double() * STEP * _units().fs
    whole = Trajectory.from_velocities(times, joined["q"], joined["v"], bodies)
    if labels:
        whole = whole.with_labels(joined["forces"], joined["energy"])
    half, rest = k // 2, k // 2 + k // 8
    settings = {"name": name, "seed": seed, "temperature": temperature, "step_fs": STEP}
    own = Provenance.of({"law": "GFN2-xTB", "units": "Å, eV, u", "symmetry": "SE(3)"} | settings)
    return Dataset(whole[:half], whole[half:rest] if rest > half else None, whole[rest:], own)


def elements(name: str) -> list[int]:
    """Return the atomic numbers of a molecule's atoms, in the order of its bodies."""
    return [int(x) for x in _built(name).numbers]


def _units() -> Any:
    from ase import units

    return units


def _built(name: str) -> Any:
    try:
        from ase.build import molecule
    except ImportError as error:
        raise InputError("ase must be installed for molecules in motion: pip install 'lieham[molecules]'") from error
    if name == WATER_DIMER:
        pair, other = molecule("H2O"), molecule("H2O")
        other.rotate(90, "x")
        other.translate([0, 0, APART])
        return pair + other
    try:
        return molecule(NAMED.get(name, name))
    except (KeyError, NotImplementedError) as error:
        raise expected("name", f"one of {', '.join([*NAMED, WATER_DIMER])}, or one that ase knows", name) from error


def _calculator() -> Any:
    try:
        from tblite.ase import TBLite
    except ImportError as error:
        raise InputError("tblite must be installed for molecules in motion: pip install 'lieham[molecules]'") from error
    return TBLite(method="GFN2-xTB", verbosity=0)


def _relaxed(name: str) -> Any:
    from ase.optimize import BFGS

    atoms = _built(name)
    atoms.calc = _calculator()
    BFGS(atoms, logfile=None).run(fmax=1e-3, steps=500)
    return atoms


def _trajectory(atoms: Any, frames: int, temperature: float, draw: np.random.Generator) -> dict[str, np.ndarray]:
    """Return q, v, forces and energies of the frames of one trajectory, without momentum or angular momentum."""
    from ase.md.velocitydistribution import Stationary, ZeroRotation, thermalize_momenta
    from ase.md.verlet import VelocityVerlet

    atoms.calc = _calculator()
    thermalize_momenta(atoms, temperature_K=temperature, rng=draw)
    Stationary(atoms)
    ZeroRotation(atoms)
    steps = VelocityVerlet(atoms, STEP * _units().fs)
    steps.run(WARM)
    rows: dict[str, list] = {"q": [], "v": [], "forces": [], "energy": []}
    for _ in range(frames):
        rows["q"].append(atoms.get_positions())
        rows["v"].append(atoms.get_velocities())
        rows["forces"].append(atoms.get_forces())
        rows["energy"].append(atoms.get_potential_energy())
        steps.run(1)
    return {key: np.array(x) for key, x in rows.items()}
