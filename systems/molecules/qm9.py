"""Molecules as clouds of atoms: QM9 in the splits of the paper, and one's own molecules."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence

from lieham.data import CloudDataset, PointClouds, Provenance
from lieham.errors import InputError, check_choice, expected
from lieham.groups import SO3
from lieham.typing import Float, Int, Tensor
from systems.checks import check_sizes
from systems.molecules.qm9_table import read_table
from systems.molecules.qm9_targets import ELEMENTS, SOURCE, TARGETS, Target


@dataclass(frozen=True)
class MoleculeOptions:
    """Options of `molecules`: how they and their targets are prepared, and where the table of QM9 is.

    Args:
        augment: "rotations" turns every molecule of a training batch at random; empty for none.
        subtract_references: take off what free atoms have of energies and cv; without it energies are as large as
            2e4 eV, of which float32 keeps 1 to 2 meV.
        dtype: the precision of positions, features and targets.
        source: the folder of the table, as in `systems.molecules.qm9_table.read_table`.
        cache: the folder of the converted table, as there.

    Raises:
        InputError: the augmentation or the precision is none of these.
    """

    augment: str = ""
    subtract_references: bool = True
    dtype: torch.dtype = torch.float32
    source: str | Path | None = None
    cache: str | Path | None = None

    def __post_init__(self) -> None:
        if self.augment not in AUGMENTATIONS:
            raise expected("augment", "'' or 'rotations'", repr(self.augment))
        if self.dtype not in (torch.float32, torch.float64):
            raise expected("dtype", "torch.float32 or torch.float64", self.dtype)


def molecules(
    target: str = "homo",
    n_train: int = 100_000,
    n_val: int = 17_748,
    n_test: int = 13_083,
    seed: int = 0,
    options: MoleculeOptions | None = None,
) -> CloudDataset:
    """QM9, 130,831 molecules of up to 29 atoms, with one of `TARGETS` to predict.

    Seed 0 and the default sizes give the split that the paper's code draws (Finzi et al. 2020, arXiv:2002.12880),
    which is Cormorant's. Positions are QM9's, in angstrom, about QM9's origin, as in the paper: molecules are not
    centred.

    Args:
        target: the name of the number to predict.
        n_train: the number of molecules to train with, the first of a permutation; fewer leave the other splits as
            they are.
        n_val: the number of molecules to validate with, those before the ones to test with.
        n_test: the number of molecules to test with, the last of the permutation.
        seed: the seed of the permutation.
        options: augmentation, references, precision, and where the table is.

    Returns:
        Clouds of atoms with the features of `featurised`. A split of 0 molecules is absent.

    Raises:
        InputError: there is no such target, the sizes do not fit, or QM9 is not installed.

    Example:
        >>> data = molecules("u0", n_train=5_000, options=MoleculeOptions(augment="rotations"))  # doctest: +SKIP
    """
    options = options or MoleculeOptions()
    check_choice("target", target, tuple(TARGETS))
    sizes = {"train": n_train, "val": n_val, "test": n_test}
    check_sizes(sizes)
    table, of = read_table(options.source, options.cache), TARGETS[target]
    y = of.of(table.values[of.column], table.charges, options.subtract_references)
    rows = split(len(table), seed, **{f"n_{name}": n for name, n in sizes.items()})
    made = {
        name: _clouds(table.charges[i], table.positions[i], y[i], options.dtype) for name, i in rows.items() if len(i)
    }
    settings = {f"n_{name}": n for name, n in sizes.items()} | _settings(of, options)
    known = Provenance(
        source=SOURCE, target=target, unit=of.unit, extensive=of.extensive, seed=int(seed), settings=settings
    )
    return CloudDataset(**made, provenance=known, augment=AUGMENTATIONS[options.augment])


def _settings(of: Target, options: MoleculeOptions) -> dict[str, object]:
    """Return the settings that document how molecules were prepared."""
    free = [x * of.factor if options.subtract_references else 0.0 for x in of.references]
    own = {"augment": options.augment, "subtract_references": options.subtract_references, "dtype": str(options.dtype)}
    return own | {"positions": "angstrom", "elements": [*ELEMENTS], "references": free}


def split(k: int, seed: int, n_train: int, n_val: int, n_test: int) -> dict[str, Int[Tensor, " rows"]]:
    """The rows of each split: of a permutation of k the first, those before the last, and the last.

    The permutation is that of numpy's RandomState(seed), whose stream is frozen, and from which the paper's code drew.

    Args:
        k: the number of molecules.
        seed: an integer from 0 to 2³² − 1.
        n_train: the number of rows to train with.
        n_val: the number of rows to validate with.
        n_test: the number of rows to test with.

    Returns:
        Rows for "train", "val" and "test".

    Raises:
        InputError: the seed is out of range, or the sizes do not fit.
    """
    if not isinstance(seed, Integral) or not 0 <= seed < 2**32:
        raise expected("seed", "an integer from 0 to 2³² − 1", seed)
    total = n_train + n_val + n_test
    if total > k:
        raise expected("n_train + n_val + n_test", f"at most {k}, the molecules that there are", total)
    order = torch.from_numpy(np.random.RandomState(seed).permutation(k))
    first = k - n_test
    return {"train": order[:n_train], "val": order[first - n_val : first], "test": order[first:]}


def clouds_of(
    charges: Sequence, positions: Sequence, targets: Sequence, dtype: torch.dtype = torch.float32
) -> PointClouds:
    """Turn one's own molecules into clouds like those of QM9.

    Args:
        charges: for each molecule the numbers of protons of its atoms, (n_i,), of H, C, N, O or F.
        positions: for each molecule its coordinates (n_i, 3) in angstrom.
        targets: for each molecule a number.
        dtype: the precision of positions, features and targets.

    Returns:
        Clouds with the features of `featurised`.

    Raises:
        InputError: an element is another, a shape does not fit, a coordinate is not finite, or a molecule has no atom;
            the molecule is named.

    Example:
        >>> len(clouds_of(charges=[[6, 1]], positions=[[[0, 0, 0], [0, 0, 1.1]]], targets=[0.5]))
        1
    """
    k = len(charges)
    for name, x in (("positions", positions), ("targets", targets)):
        if len(x) != k:
            raise expected(name, f"of {k} molecules like charges", f"{len(x)}")
    if not k:
        raise InputError("charges must hold at least one molecule, got none")
    atoms = [_checked(i, z, q) for i, (z, q) in enumerate(zip(charges, positions, strict=True))]
    Z, q = (pad_sequence([x[i] for x in atoms], batch_first=True) for i in (0, 1))
    return _clouds(Z, q, _numbers("targets", targets), dtype)


def featurised(charges: Int[Tensor, "*batch n"], dtype: torch.dtype = torch.float32) -> Float[Tensor, "*batch n 15"]:
    """Features of atoms: which of `ELEMENTS` one is, times (1, c, c²) with c = Z/9; 0 where padded (Z = 0).

    They are the paper's features of an atom (Finzi et al. 2020; Anderson, Hy and Kondor 2019, arXiv:1906.04015).
    """
    kinds = torch.tensor([*ELEMENTS.values()], device=charges.device)
    powers = (kinds.to(dtype) / max(ELEMENTS.values()))[:, None] ** torch.arange(3, device=charges.device)
    one_hot = (charges[..., None] == kinds)[..., None].to(dtype)
    return (one_hot * powers).flatten(-2)


def random_rotations(clouds: PointClouds, generator: torch.Generator) -> PointClouds:
    """Turn every cloud about the origin by a random rotation of its own, uniform on SO(3): an augmentation.

    Raises:
        InputError: the clouds are not in 3 dimensions.
    """
    if clouds.dim != 3:
        raise expected("dimension of clouds", "3", clouds.dim)
    turns = SO3().turns(len(clouds), generator=generator).to(clouds.points)
    mask = clouds.mask.expand(len(clouds), -1)
    return replace(clouds, points=clouds.points @ turns.mT, mask=mask)


AUGMENTATIONS = {"": None, "rotations": random_rotations}


def _clouds(
    charges: Int[Tensor, "k n"], positions: Float[Tensor, "k n 3"], targets: Float[Tensor, " k"], dtype: torch.dtype
) -> PointClouds:
    features = featurised(charges, dtype)
    return PointClouds.of(positions.to(dtype), features, targets.to(dtype), charges > 0)


def _checked(i: int, charges: object, positions: object) -> tuple[Tensor, Tensor]:
    """Return the atoms of molecule i."""
    Z, q = _numbers(f"charges[{i}]", charges), _numbers(f"positions[{i}]", positions)
    if Z.ndim != 1 or not len(Z):
        raise expected(f"charges[{i}]", "of shape (n,) with at least one atom", tuple(Z.shape))
    if q.shape != (len(Z), 3):
        raise expected(f"positions[{i}]", f"of shape ({len(Z)}, 3), a row for each of charges[{i}]", tuple(q.shape))
    other = [z for z in Z.tolist() if z not in ELEMENTS.values()]
    if other:
        known = ", ".join(f"{name} {z}" for name, z in ELEMENTS.items())
        raise expected(f"charges[{i}]", f"numbers of protons of the elements of QM9 ({known})", f"Z = {other[0]:g}")
    if not bool(torch.isfinite(q).all()):
        raise InputError(f"positions[{i}] must be finite, got {int((~torch.isfinite(q)).sum())} values that are not")
    return Z.long(), q


def _numbers(name: str, x: object) -> Float[Tensor, "*shape"]:
    """Numbers in an array, float64."""
    try:
        return torch.as_tensor(np.asarray(x, dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise expected(name, "an array of numbers", " ".join(str(error).split())) from error
