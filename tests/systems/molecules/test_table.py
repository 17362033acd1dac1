"""QM9's table is read whole and once, and what is broken is named."""

from __future__ import annotations

from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import h5py
import pytest
import torch

from lieham.errors import FileError, InputError
from systems.molecules import qm9_table
from systems.molecules.qm9_table import COLUMNS, PARTS, read_table
from systems.molecules.qm9_targets import HARTREE, TARGETS
from tests.helpers.molecules import K, drawn, rows_of, small, write


def cached(places: dict) -> Path:
    (path,) = places["cache"].glob("*.h5")
    return path


# The table


def test_the_table_is_what_was_written_and_zero_where_padded(places):
    for table in (read_table(**places), read_table(**places)):
        assert len(table) == K and table.charges.shape == (K, 6)
        for i, (z, q, values) in enumerate(drawn()):
            n = len(z)
            assert table.charges[i].tolist() == z + [0] * (6 - n)
            assert torch.equal(table.positions[i, :n], torch.tensor(q, dtype=torch.float32))
            assert not table.positions[i, n:].any()
            assert {name: float(x[i]) for name, x in table.values.items()} == values


def test_numbers_that_json_does_not_know_are_read(folder, tmp_path):
    rows = rows_of(drawn())
    rows[3] |= {"Elements": "['C','H']", "XYZ_Ang": "[[0.,-1.,2.5],[1.e-3,0.,1.]]"}
    table = read_table(write(folder, rows), tmp_path / "cache")
    assert table.positions[3, :2].tolist() == torch.tensor([[0, -1, 2.5], [1e-3, 0, 1]]).tolist()


def test_it_is_converted_once_unless_source_or_settings_change(places, monkeypatch):
    calls = []
    converted = qm9_table._converted
    monkeypatch.setattr(qm9_table, "_converted", lambda paths: calls.append(0) or converted(paths))
    read_table(**places), read_table(**places)
    assert len(calls) == 1
    monkeypatch.setattr(qm9_table, "FORMAT", qm9_table.FORMAT + 1)
    read_table(**places)
    assert len(calls) == 2
    part = places["source"] / PARTS[2]
    data = bytearray(part.read_bytes())
    # The last digit of the last row, and as many bytes as before: a key of sizes would read the old file for ever.
    data[-3] = ord("0") + (data[-3] - ord("0") + 1) % 10
    part.write_bytes(data)
    changed = read_table(**places).values[COLUMNS[-1]][-1]
    assert len(calls) == 3 and float(changed) != drawn()[-1][2][COLUMNS[-1]]
    assert len(list(places["cache"].iterdir())) == 3


def test_the_cache_is_where_the_environment_says(folder, tmp_path, monkeypatch):
    monkeypatch.setenv("LIEHAM_CACHE", str(tmp_path / "elsewhere"))
    read_table(folder)
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1
    with pytest.raises(FileError, match="cache must be a folder"):
        read_table(folder, folder / PARTS[0])


def test_a_conversion_that_fails_leaves_no_file(places, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("disk full")

    monkeypatch.setattr(h5py.Group, "create_dataset", fail)
    with pytest.raises(RuntimeError, match="disk full"):
        read_table(**places)
    assert not list(places["cache"].iterdir())


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:3000])


def flip(path: Path) -> None:
    """One bit of the positions, which only a checksum shows."""
    with h5py.File(path) as file:
        at = file["positions"].id.get_chunk_info(0).byte_offset
    data = bytearray(path.read_bytes())
    data[at + 5] ^= 1
    path.write_bytes(data)


def lose(path: Path) -> None:
    with h5py.File(path, "a") as file:
        del file["values/HOMO_au"]


@pytest.mark.parametrize("damage", [cut, flip, lose, lambda path: path.write_bytes(b"")])
def test_a_damaged_cache_is_named_with_its_remedy(places, damage):
    small(places)
    path = cached(places)
    damage(path)
    with pytest.raises(FileError, match="remove it") as error:
        small(places)
    assert str(path) in str(error.value)
    path.unlink()
    small(places)


def test_without_the_package_the_remedy_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr(qm9_table, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'lieham\[molecules\]'"):
        read_table(cache=tmp_path)


BROKEN = {
    "an element": ({"Elements": "['Cl','C','H','H']"}, "Cl"),
    "a coordinate missing": ({"XYZ_Ang": "[[0.0,1.0]]"}, "shape"),
    "a word": ({"HOMO_au": "much"}, "much"),
}


@pytest.mark.parametrize("change, says", BROKEN.values(), ids=BROKEN)
def test_a_row_without_a_molecule_is_named_by_its_line(folder, tmp_path, change, says):
    rows = rows_of(drawn())
    rows[13] |= change
    with pytest.raises(FileError, match=rf"{PARTS[1]}, whose line 5 does not.*{says}"):
        read_table(write(folder, rows), tmp_path / "cache")


def test_missing_files_and_columns_are_named(folder, tmp_path):
    with pytest.raises(FileError, match="source must be an existing"):
        read_table(tmp_path / "nowhere", tmp_path)
    rows = [{name: x for name, x in row.items() if name != "HOMO_au"} for row in rows_of(drawn())]
    with pytest.raises(FileError, match="column HOMO_au"):
        read_table(write(folder, rows), tmp_path)
    for name in PARTS:
        (folder / name).write_text(",".join(["Elements", "XYZ_Ang", *COLUMNS]) + "\n")
    with pytest.raises(FileError, match="hold none"):
        read_table(folder, tmp_path)
    (folder / PARTS[1]).unlink()
    with pytest.raises(FileError, match=PARTS[1]):
        read_table(folder, tmp_path)


# The package itself


@pytest.mark.skipif(find_spec("qm9pack") is None, reason="qm9pack is not installed")
def test_the_first_thousand_rows_of_qm9_are_plausible(tmp_path):
    """Laws of physics between columns, so that none is mistaken for another."""
    origin = Path(find_spec("qm9pack").submodule_search_locations[0]) / "data"
    (tmp_path / "source").mkdir()
    for name in PARTS:
        with (origin / name).open() as file:
            (tmp_path / "source" / name).write_text("".join(islice(file, 1001)))
    table = read_table(tmp_path / "source", tmp_path)
    assert len(table) == 3000
    assert table.charges[0].tolist()[:6] == [6, 1, 1, 1, 1, 0]
    y = {name: target.of(table.values[target.column], table.charges, False) for name, target in TARGETS.items()}
    # Columns have 4 digits after the point in hartree, thermal energies 6; H − U = kT at 298.15 K.
    assert torch.allclose(y["gap"], y["lumo"] - y["homo"], atol=1.1e-4 * HARTREE)
    kT = 8.617333262e-5 * 298.15
    assert torch.allclose(y["h"] - y["u"], torch.full_like(y["u"], kT), atol=1.1e-6 * HARTREE)
    assert not torch.allclose(y["h"] - y["u0"], torch.full_like(y["u"], kT), atol=1.1e-3 * HARTREE)
    assert bool((y["u0"] < y["u"]).all()) and bool((y["g"] < y["h"]).all()) and bool((y["homo"] < y["lumo"]).all())
    for name in ("alpha", "cv", "r2", "zpve"):
        assert float(y[name].min()) > 0, name
    real = table.charges > 0
    pairs = real[:, :, None] & real[:, None] & ~torch.eye(real.shape[1], dtype=torch.bool)
    near = torch.cdist(table.positions, table.positions)[pairs]
    assert 0.9 < float(near.min()) < 1.2, "no bond is shorter than that of O and H, 0.96 Å"
    bound = TARGETS["u0"].of(table.values["InternalEnergy_0K_au"], table.charges, True)
    assert float(bound.max()) < -9, "water is the least bound of them"
