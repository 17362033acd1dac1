"""A model is saved as one safetensors file of weights and settings, so that loading it executes no code."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from lieham._support.files import must_exist, replacing
from lieham._support.numerics import as_device
from lieham.errors import FileError, InputError, check_choice, check_offers, expected
from lieham.groups import Group, make_group
from lieham.lift import LIFTS, Lift
from lieham.models.registry import MODELS, LieConvModel, settings_of
from lieham.typing import Tensor

FORMAT = "lieham.model/9"
READABLE = ("lieham.model/8", FORMAT)
"""Files of these formats can be read; /8 knows no uniform field."""


def save_model(model: LieConvModel, path: str | Path) -> None:
    """Write the weights, units and settings of a model to a safetensors file, either whole or not at all.

    Args:
        model: the model; its group and its lift are saved by name and settings.
        path: the file to write.

    Raises:
        InputError: if the model is of another class than those of `MODELS`.

    Example:
        >>> import tempfile, lieham
        >>> lieham.save_model(lieham.HLieConv("T(2)", width=8), tempfile.mkdtemp() + "/model.safetensors")
    """
    check_offers("model", model, f"one of {', '.join(MODELS)}", ("config", "state_dict"))
    tensors = {name: x.detach().cpu().contiguous() for name, x in model.state_dict().items()}
    # One key: safetensors writes several in any order, and the same model shall give the same bytes.
    metadata = {"lieham": json.dumps({"format": FORMAT, "config": settings_of(model)})}
    with replacing(path) as temporary:
        save_file(tensors, str(temporary), metadata)


def load_model(
    path: str | Path, device: torch.device | str = "cpu", *, group: str | Group | None = None, lift: Lift | None = None
) -> LieConvModel:
    """Load a model that `save_model` or a run wrote; no code is executed.

    Args:
        path: the file, or a run folder that holds model.safetensors.
        device: the device on which the model is put.
        group: the model's group, needed where it is user-defined, since a file cannot hold it.
        lift: the model's lift, needed where its class is user-defined, since a file cannot hold it.

    Returns:
        The model, on `device`.

    Raises:
        FileError: if the file is missing, truncated or of another kind.
        InputError: if its weights do not fit its settings, if torch has no such device, or if `group` or `lift` is
            missing or is not the model's.

    Example:
        >>> import tempfile, lieham
        >>> path = tempfile.mkdtemp() + "/model.safetensors"
        >>> lieham.save_model(lieham.HLieConv("SE(2)", features=1, width=8), path)
        >>> lieham.load_model(path).group
        SE(2)
    """
    path = must_exist(path, "model")
    path = must_exist(path / "model.safetensors", "model") if path.is_dir() else path
    metadata, tensors = _read(path)
    if metadata.get("format") not in READABLE:
        raise FileError(f"model must be a file written by lieham ({FORMAT}), got {path} of {_age(metadata)}")
    config = metadata["config"]
    kind = check_choice("model", config.pop("kind"), tuple(MODELS))
    declared = _group(config["group"], group, path)
    wanted = config.pop("lift")
    if lift is None and wanted["kind"] not in LIFTS:
        kinds = ", ".join(LIFTS)
        raise InputError(
            f"the lift of {path} must be one of {kinds}, got {wanted['kind']}: give load_model the lift of your own, "
            "or train the model anew where this version no longer has it"
        )
    if lift is not None and lift.settings != wanted:
        raise expected("lift", f"the {wanted} of {path}", lift)
    config |= {"group": declared, "lift": lift or wanted}
    config["dtype"] = getattr(torch, config["dtype"])
    model = MODELS[kind](**config)
    load_weights(model, tensors, str(path))
    return model.to(as_device(device))


def _group(name: str, group: str | Group | None, path: Path) -> Group:
    """Return the group of a model's file: the one of that name, or for a user-defined one the group that is given."""
    if group is not None:
        given = make_group(group)
        if given.name != name:
            raise expected("group", f"{name} as in {path}", given)
        return given
    try:
        return make_group(name)
    except InputError as error:
        raise InputError(
            f"group must be given for {path}, whose group {name!r} is user-defined and in no file: "
            f"load_model({str(path)!r}, group=...) with the CustomGroup of that name"
        ) from error


def load_weights(model: torch.nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Load weights into a model.

    Args:
        model: the model.
        tensors: the state dict to load.
        source: a name of the weights' origin, for the error message.

    Raises:
        InputError: if a tensor is missing, superfluous, or of another shape or precision; the message names the first.
    """
    own = model.state_dict()
    for name in sorted(own.keys() | tensors.keys()):
        here, there = _kind(own.get(name)), _kind(tensors.get(name))
        if here != there:
            raise InputError(
                f"weights in {source} must be of the model's architecture: {name} must be {here}, got {there}"
            )
    model.load_state_dict(tensors)


def _age(metadata: dict) -> str:
    """Return the format of a file that is none of today's, and what to do about it."""
    found = str(metadata.get("format"))
    older = found.startswith("lieham.model/")
    return f"{found}, which lacks the range of its training: train the model again" if older else found


def _kind(x: Tensor | None) -> str:
    return "absent" if x is None else f"{tuple(x.shape)} of {str(x.dtype).removeprefix('torch.')}"


def _read(path: Path) -> tuple[dict, dict[str, Tensor]]:
    try:
        with safe_open(str(path), framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get("lieham", "{}"))
            return metadata, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, json.JSONDecodeError) as error:
        raise FileError(f"model must be a whole safetensors file, got {path}: {error}") from error
