"""Settings, data and checkpoints that do not fit are refused by name."""

from __future__ import annotations

import math
import os
import pickle
from pathlib import Path

import pytest
import torch

from lieham.data import Dataset
from lieham.errors import FileError, InputError
from lieham.models import HLieConv
from lieham.training import fit
from tests.helpers.refusals import says, snapshot
from tests.helpers.training import LAW, QUICK, data, same_weights, small_model

pytestmark = pytest.mark.usefixtures("short_chunks")


@pytest.mark.parametrize(
    "settings, parts",
    [
        ({"steps": -1}, ("steps must be at least 0", "got -1")),
        ({"refine": -1}, ("refine must be at least 0", "got -1")),
        ({"batch": 0}, ("batch must be at least 1", "got 0")),
        ({"refine_windows": 0}, ("refine_windows must be at least 1", "got 0")),
        ({"window": 1}, ("window must be at least 2", "got 1")),
        ({"window": 6}, ("window must be between 2 and the 5 points", "got 6")),
        ({"segment": -1}, ("segment must be at least 0", "got -1")),
        ({"segment": 3}, ("segment must be 0 or a divisor of window - 1 = 2", "got 3")),
        ({"substeps": -1}, ("substeps must be at least 0", "got -1")),
        ({"substeps": 2, "method": "dopri5"}, ("dopri5 has no setting substeps",)),
        ({"evaluate_every": 0}, ("evaluate_every must be at least 1", "got 0")),
        ({"patience": -1}, ("patience must be at least 0", "got -1")),
        ({"lr": 0.0}, ("lr must be positive", "got 0.0")),
        ({"lr": math.nan}, ("lr must be positive", "got nan")),
        ({"clip": -1.0}, ("clip must be positive", "got -1.0")),
        ({"ema": 1.0}, ("ema must be in [0, 1)", "got 1.0")),
        ({"steps": 0, "refine": 0, "ridge": False}, ("steps and refine must not both be 0",)),
        ({"method": "magic"}, ("method must be one of", "rkn4", "got 'magic'")),
        ({"device": "abacus"}, ("device must be", "got 'abacus'")),
        ({"learning_rate": 1}, ("setting must be one of", "lr", "got 'learning_rate'")),
        ({"tensorboard": True}, ("run must", "tensorboard", "got None")),
    ],
    ids=lambda x: "-".join(x) if isinstance(x, dict) else "",
)
def test_bad_settings_are_named(settings, parts):
    model = small_model()
    says(InputError, lambda: fit(model, data(), config=QUICK, **settings), *parts)
    assert same_weights(model, small_model())


@pytest.mark.parametrize(
    "model, dataset, parts",
    [
        (lambda: HLieConv("SE(2)", 0, width=8), data, ("features of the model must be 1", "got 0")),
        (lambda: HLieConv("SE(3)", 1, width=8), data, ("group must act on 2 dimensions", "got SE(3)")),
        (small_model, lambda: Dataset(val=data().val), ("data must have a train split", "got none")),
    ],
)
def test_data_that_do_not_fit_are_named(model, dataset, parts, tmp_path):
    says(InputError, lambda: fit(model(), dataset(), config=QUICK, run=tmp_path / "run"), *parts)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("other", [data().train, [1.0, 2.0]], ids=["a trajectory", "a list"])
def test_data_of_no_kind_are_named(other):
    message = "data must be a dataset of trajectories or clouds, got a"
    says(InputError, lambda: fit(small_model(), other), message, type(other).__name__)


def test_resuming_needs_a_run(tmp_path):
    says(
        InputError,
        lambda: fit(small_model(), data(), resume=True),
        "run must name the folder to resume",
        "got None",
    )
    missing = tmp_path / "none"
    says(
        FileError,
        lambda: fit(small_model(), data(), run=missing, resume=True),
        "checkpoint must be",
        str(missing),
    )
    assert not missing.exists()


@pytest.mark.parametrize("left", ["config.yaml", "checkpoint.pt", "model.safetensors", "log.jsonl"])
def test_a_run_is_not_overwritten(left, whole, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (run / left).write_bytes((whole[0] / left).read_bytes())
    before = snapshot(run)
    says(
        FileError,
        lambda: fit(small_model(), data(), config=QUICK, run=run),
        "run must be a new folder",
        str(run),
    )
    assert snapshot(run) == before


def test_a_folder_with_other_files_can_become_a_run(tmp_path):
    (tmp_path / "data.h5").write_text("mine")
    fit(small_model(), data(), config=QUICK, refine=0, run=tmp_path)
    assert (tmp_path / "data.h5").read_text() == "mine" and (tmp_path / "model.safetensors").exists()


def copied(whole, tmp_path: Path) -> Path:
    run = tmp_path / "copy"
    run.mkdir()
    for name, content in snapshot(whole[0]).items():
        (run / name).write_bytes(content)
    return run


@pytest.mark.parametrize(
    "kind, model, settings, parts",
    [
        (
            InputError,
            lambda: small_model(width=12),
            {},
            ("of the model's architecture", "must be (", "got ("),
        ),
        (InputError, lambda: HLieConv("SE(2)", 1, width=8, blocks=2), {}, ("architecture", "got absent")),
        (InputError, lambda: small_model(torch.float32), {}, ("must be", "float32", "got", "float64")),
        (InputError, small_model, {"lr": 0.5}, ("lr must be as in", "0.01, got 0.5")),
        (InputError, small_model, {"seed": 1}, ("seed must be as in", "0, got 1")),
    ],
    ids=["width", "blocks", "dtype", "lr", "seed"],
)
def test_a_checkpoint_of_another_run_is_refused(kind, model, settings, parts, whole, tmp_path):
    run = copied(whole, tmp_path)
    before = snapshot(run)
    says(kind, lambda: fit(model(), data(), config=QUICK, run=run, resume=True, **settings), *parts)
    assert snapshot(run) == before


def test_other_data_are_refused(whole, tmp_path):
    run, other = copied(whole, tmp_path), LAW.generate(20, 4, 4, seed=1, points=5)
    before = snapshot(run)
    says(
        InputError, lambda: fit(small_model(), other, config=QUICK, run=run, resume=True),
        "data must be those of", str(run),
    )  # fmt: skip
    assert snapshot(run) == before


class Evil:
    """Its pickle makes a folder when it is loaded."""

    def __init__(self, target: Path):
        self.target = target

    def __reduce__(self):
        return os.mkdir, (str(self.target),)


def spoil(kind: str, checkpoint: Path, target: Path) -> None:
    good = checkpoint.read_bytes()
    if kind == "malicious":
        torch.save({"model": Evil(target)}, checkpoint)
    elif kind == "pickle":
        checkpoint.write_bytes(pickle.dumps(Evil(target), protocol=2))
    elif kind in ("foreign", "list"):
        torch.save({"weights": torch.ones(2)} if kind == "foreign" else [1], checkpoint)
    else:
        cuts = {
            "empty": b"",
            "short": good[:10],
            "truncated": good[: len(good) // 2],
            "text": b"not a checkpoint",
        }
        checkpoint.write_bytes(cuts[kind])


@pytest.mark.parametrize("kind", ["malicious", "pickle", "foreign", "list", "empty", "short", "truncated", "text"])
def test_a_spoiled_checkpoint_is_refused_and_never_run(kind, whole, tmp_path):
    run = copied(whole, tmp_path)
    spoil(kind, run / "checkpoint.pt", tmp_path / "executed")
    before = snapshot(run)
    with pytest.raises(FileError, match="checkpoint must be one written by lieham") as caught:
        fit(small_model(), data(), config=QUICK, run=run, resume=True)
    assert str(run) in str(caught.value) and "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()
    assert snapshot(run) == before


def test_the_malicious_pickle_would_run(tmp_path):
    """Without `weights_only` it does what it wants: the test above can fail."""
    torch.save({"model": Evil(tmp_path / "executed")}, tmp_path / "evil.pt")
    torch.load(tmp_path / "evil.pt", weights_only=False)
    assert (tmp_path / "executed").exists()
