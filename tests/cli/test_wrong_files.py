"""Files and runs that are broken are named in one sentence, with exit code 2, and nothing in them is executed."""

from __future__ import annotations

import os
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch
import yaml

from lieham.models import HLieConv, save_model
from tests.cli.helpers import TINY, arrays, lieham, refused


def spoilt(name: str, value: float) -> np.ndarray:
    x = arrays()[name].copy()
    x.flat[3 if x.size > 3 else 1] = value
    return x


BAD_ARRAYS = {
    "wrong shape of p": (arrays(p=np.zeros((3, 6, 2, 3))), ("p must be", "(3, 6, 2, 2)", "got (3, 6, 2, 3)")),
    "wrong shape of q": (arrays(q=np.zeros((6, 2))), ("q must be", "(time, n, d)", "got (6, 2)")),
    "wrong shape of mass": (arrays(mass=np.ones(3)), ("mass must be", "(3, 2)", "got (3,)")),
    "wrong shape of times": (arrays(times=np.arange(5.0)), ("times must be", "(6,)", "got (5,)")),
    "wrong shape of features": (arrays(features=np.ones((3, 1))), ("features must be", "got (3, 1)")),
    "wrong shape of mask": (arrays(mask=np.ones(3, dtype=bool)), ("mask must be", "got (3,)")),
    "NaN": (arrays(q=spoilt("q", np.nan)), ("q must be finite", "got nan")),
    "infinity": (arrays(p=spoilt("p", np.inf)), ("p must be finite", "got inf")),
    "times that repeat": (arrays(times=spoilt("times", 0.2)), ("times must be strictly increasing",)),
    "times that fall": (arrays(times=np.arange(6.0)[::-1]), ("times must be strictly increasing",)),
    "zero mass": (arrays(mass=spoilt("mass", 0.0)), ("mass must be finite and positive", "got 0")),
    "negative mass": (arrays(mass=spoilt("mass", -1.0)), ("mass must be finite and positive", "got -1")),
    "no mass": (arrays(mass=None), ("array mass must be there",)),
    "unknown array": (arrays(charge=np.ones(2)), ("arrays must be among", "got charge")),
    "p and v": (arrays(v=np.zeros((3, 6, 2, 2))), ("one of p", "got p, v")),
    "complex q": (arrays(q=np.zeros((3, 6, 2, 2), dtype=complex)), ("array q must be of real numbers",)),
    "no numbers": (arrays(q=np.zeros((0, 6, 2, 2))), ("array q must be not empty",)),
}


@pytest.mark.parametrize("kind", ["npz", "h5"])
@pytest.mark.parametrize("name", BAD_ARRAYS)
def test_bad_arrays_are_named(name, kind, place, capsys):
    content, parts = BAD_ARRAYS[name]
    path = place / f"bad.{kind}"
    if kind == "npz":
        np.savez(path, **content)
    else:
        with h5py.File(path, "w") as file:
            for key, value in content.items():
                file[key] = value
    refused(capsys, place, ["train", "--data", path, "--run", "new", *TINY], str(path), *parts)
    refused(capsys, place, ["data", "describe", path], str(path), *parts)


def test_good_arrays_are_not_refused(place, capsys):
    np.savez("good.npz", **arrays())
    assert lieham("data", "describe", "good.npz") == 0
    assert "1 trajectories of 6 points, 2 bodies in 2-D" in capsys.readouterr().out


class Evil:
    """Its pickle makes a folder when it is loaded."""

    def __reduce__(self):
        return os.mkdir, ("executed",)


def bad_file(kind: str, folder: Path) -> Path:
    path = folder / ("bad.npz" if "npz" in kind else "bad.csv" if "csv" in kind else "bad.h5")
    good = (folder / "springs.h5").read_bytes()
    if kind == "pickled npz":
        np.savez(path, **arrays(mass=np.array([Evil()], dtype=object)))
    elif kind == "folder.h5":
        path.mkdir()
    elif kind == "foreign h5":
        with h5py.File(path, "w") as file:
            file["image/pixels"] = np.ones(3)
    else:
        cut = {
            "empty h5": b"",
            "empty npz": b"",
            "truncated h5": good[: len(good) // 2],
            "short h5": good[:100],
        }
        path.write_bytes(cut.get(kind, b"not what its name says"))
    return path


@pytest.mark.parametrize(
    "kind",
    [
        *("empty h5", "empty npz", "truncated h5", "short h5", "text h5", "text npz", "csv"),
        *("pickled npz", "folder.h5", "foreign h5"),
    ],
)
def test_bad_files_are_named_and_never_run(kind, place, capsys):
    path = bad_file(kind, place)
    refused(capsys, place, ["data", "describe", path], str(path))
    refused(capsys, place, ["train", "--data", path, "--run", "new"], str(path))
    refused(capsys, place, ["forecast", "r", "--data", path, "--out", "new.h5"], str(path))
    assert not (place / "executed").exists()


def spoil_model(kind: str, path: Path) -> None:
    good = path.read_bytes()
    if kind == "other architecture":
        other = HLieConv("SE(2)", 1, width=12)
        other.config["width"] = 8
        save_model(other, path)
    elif kind == "pickle":
        torch.save({"weight": Evil()}, path)
    elif kind == "other program":
        from safetensors.torch import save_file

        save_file({"weight": torch.ones(2)}, str(path))
    else:
        path.write_bytes({"empty": b"", "truncated": good[:-50], "short": good[:5]}[kind])


@pytest.mark.parametrize(
    "kind, parts",
    [
        ("other architecture", ("weights in r/model.safetensors", "must be (", "got (")),
        ("other program", ("model must be a file written by lieham", "r/model.safetensors")),
        ("empty", ("model must be a whole safetensors file", "r/model.safetensors")),
        ("truncated", ("model must be a whole safetensors file", "r/model.safetensors")),
        ("short", ("model must be a whole safetensors file", "r/model.safetensors")),
        ("pickle", ("model must be a whole safetensors file", "r/model.safetensors")),
    ],
)
def test_bad_models_are_named_and_never_run(kind, parts, place, capsys):
    spoil_model(kind, place / "r" / "model.safetensors")
    refused(capsys, place, ["forecast", "r", "--out", "n.h5"], *parts)
    refused(capsys, place, ["conservation", "r"], *parts)
    assert not (place / "executed").exists()


@pytest.mark.parametrize(
    "kind, parts",
    [
        ("config of nobody", ("run must have a config.yaml written by lieham", "r/config.yaml")),
        ("config that is no YAML", ("run must have a config.yaml written by lieham", "r/config.yaml")),
        ("config that runs code", ("run must have a config.yaml written by lieham", "r/config.yaml")),
        ("config of another version", ("setting must be one of", "got 'depth'")),
        ("no data file", ("data must name a file", "the run does not say")),
        ("truncated checkpoint", ("checkpoint must be one written by lieham", "r/checkpoint.pt")),
        ("pickle", ("checkpoint must be one written by lieham", "r/checkpoint.pt")),
        ("no checkpoint", ("checkpoint must be an existing file", "r/checkpoint.pt")),
    ],
)
def test_bad_runs_are_named(kind, parts, place, capsys):
    config, checkpoint = place / "r" / "config.yaml", place / "r" / "checkpoint.pt"
    content = yaml.safe_load(config.read_text())
    if kind == "no data file":
        del content["data"]["file"]
    elif kind == "config of another version":
        content["model"]["depth"] = 3
    config.write_text(yaml.safe_dump(content))
    texts = {
        "config of nobody": "a: 1\n",
        "config that is no YAML": "{[",
        "config that runs code": "!!python/object/apply:os.mkdir [executed]\n",
    }
    if kind in texts:
        config.write_text(texts[kind])
    elif kind == "no checkpoint":
        checkpoint.unlink()
    elif kind == "pickle":
        torch.save({"model": Evil()}, checkpoint)
    elif kind == "truncated checkpoint":
        checkpoint.write_bytes(checkpoint.read_bytes()[:-100])
    refused(capsys, place, ["train", "--resume", "--run", "r"], *parts)
    assert not (place / "executed").exists()
