"""The twelve numbers that QM9 gives of a molecule, their units, and their values for free atoms."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from lieham.typing import Float, Int, Tensor

SOURCE = "QM9 (Ramakrishnan et al. 2014, doi:10.1038/sdata.2014.22), as packed by qm9pack"

HARTREE = 27.211386245988
"""eV per hartree, CODATA 2018 (Tiesinga et al. 2021, doi:10.1103/RevModPhys.93.025010)."""

ELEMENTS: dict[str, int] = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}
"""The elements of QM9 and their numbers of protons, in the order of all features and references."""


@dataclass(frozen=True)
class Target:
    """A number that QM9 gives of every molecule.

    Args:
        column: the name of its column in the table.
        unit: its unit after multiplication by `factor`.
        factor: what the table's value is multiplied by.
        extensive: whether two molecules far apart have the sum of both.
        references: the values of free atoms of `ELEMENTS`, in the units of the table.
    """

    column: str
    unit: str
    factor: float = 1.0
    extensive: bool = False
    references: tuple[float, ...] = (0.0,) * len(ELEMENTS)

    def of(self, values: Float[Tensor, " k"], charges: Int[Tensor, "k n"], subtract_references: bool) -> Tensor:
        """(y − Σ_atoms reference) · factor (k,), without the sum unless `subtract_references`."""
        if subtract_references:
            values = values - count_elements(charges).to(values) @ values.new_tensor(self.references)
        return values * self.factor


def count_elements(charges: Int[Tensor, "*batch n"]) -> Int[Tensor, "*batch 5"]:
    """The numbers of atoms of each of `ELEMENTS`, which are told by their numbers of protons."""
    return (charges[..., None] == torch.tensor([*ELEMENTS.values()], device=charges.device)).sum(-2)


def _energy(column: str, *references: float) -> Target:
    return Target(column, "eV", HARTREE, extensive=True, references=references or Target.references)


TARGETS: dict[str, Target] = {
    "alpha": Target("Polarizability_bohr3", "bohr^3", extensive=True),
    "gap": Target("HOMO_LUMO_gap_au", "eV", HARTREE),
    "homo": Target("HOMO_au", "eV", HARTREE),
    "lumo": Target("LUMO_au", "eV", HARTREE),
    "mu": Target("Dipole_debye", "debye"),
    "cv": Target("Heatcapacity_Cv_cal_mol_K", "cal/(mol K)", extensive=True, references=(2.981,) * 5),
    "g": _energy("GibbsFreeEnergy_298K_au", -0.510927, -37.861317, -54.598897, -75.079532, -99.733544),
    "h": _energy("Enthalphy_298K_au", -0.497912, -37.844411, -54.581501, -75.062219, -99.716370),
    "r2": Target("R2_bohr2", "bohr^2"),
    "u": _energy("InternalEnergy_298K_au", -0.498857, -37.845355, -54.582445, -75.063163, -99.717314),
    "u0": _energy("InternalEnergy_0K_au", -0.500273, -37.846772, -54.583861, -75.064579, -99.718730),
    "zpve": _energy("ZPVE_au"),
}
"""The twelve targets of the paper's table (Finzi et al. 2020, arXiv:2002.12880), which gives energies in meV.

Energies in eV. References from atomref.txt of GDB9 (Ramakrishnan et al. 2014): B3LYP/6-31G(2df,p) of free atoms, and
3/2 of the gas constant for cv. Energies and cv have one; alpha, r2, mu and the orbitals have none.
"""
