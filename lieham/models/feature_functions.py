"""Functions of mass and features that a network is given beside them: powers, logarithms, indicators of few values."""

from __future__ import annotations

import torch

from lieham.errors import InputError, expected
from lieham.state import Bodies
from lieham.typing import Float, Tensor

POWERS = {"square": 2, "sqrt": 1 / 2, "inverse": -1, "three_halves": 3 / 2, "cube": 3, "inverse_sqrt": -1 / 2}
POSITIVE = ("sqrt", "inverse", "square", "log", "three_halves", "cube", "inverse_sqrt")
"""The functions of a mass or a feature that is positive in all training data; others have their square alone."""
MOST_POWERS = 10
"""Powers and logarithms of all channels together; where many channels have them, each has only the first ones."""
MOST_FUNCTIONS = 20
"""Functions of all channels together; later channels of few values are left without indicators where there are more."""
MOST_VALUES = 8
"""A feature of at most so many values, and more than two, has an indicator of each."""
SAME = 1e-5
"""Values are the same where they differ by less than this, relative to the larger of the value and 1."""
REMEDY = "train on data that hold it, or with feature_functions=False"

Given = list[list[str] | list[float]]
"""For the mass and each feature: the names of its functions, or the values that have an indicator."""


class FeatureFunctions:
    """A map from (m, features), (*batch, n, c), to functions of single channels, (*batch, n, more).

    A law such as −Σ √(m_i m_j) φ(r) is no polynomial of the masses, so a network that is linear in products of what
    two bodies are cannot represent it; with √m among its channels it can.

    Args:
        given: the functions of each channel, as `feature_functions_of` finds them; an empty list for none.
        channels: the number of channels, which are the mass and the features.

    Raises:
        InputError: if there is no such function, or not a list for each channel.
    """

    def __init__(self, given: Given, channels: int):
        if given and (len(given) != channels or not all(isinstance(own, list) for own in given)):
            raise expected("feature_functions", f"{channels} lists, for the mass and each feature", given)
        self.given = given
        for own in given:
            for x in own:
                if isinstance(x, str) and x not in POSITIVE:
                    raise InputError(f"function of a feature must be one of {', '.join(POSITIVE)}, got {x!r}")
        self.count = sum(len(own) for own in given)

    def __call__(self, channels: Float[Tensor, "*batch n c"], scale: Float[Tensor, " c"]) -> Tensor:
        """Return the functions; powers and logarithms are of the channels in their units.

        Args:
            channels: mass and features.
            scale: the unit of each.
        """
        found = []
        for k, own in enumerate(self.given):
            x = channels[..., k]
            for name in own:
                found.append(_function(x / scale[k], name) if isinstance(name, str) else _equal(x, name).to(x.dtype))
        return torch.stack(found, -1) if found else channels[..., :0]

    def family(self, first: int) -> list[int]:
        """Return a number for each function, from `first` on, that all indicators of a channel share.

        Args:
            first: the least number.
        """
        found: list[int] = []
        for own in self.given:
            for x in own:
                new = isinstance(x, str) or x == own[0]
                found.append(max([first - 1, *found]) + new)
        return found

    def check(self, bodies: Bodies) -> None:
        """Raise InputError where a function is not defined, or a value has no indicator.

        Args:
            bodies: the bodies.
        """
        channels = channels_of(bodies)
        for k, own in enumerate(self.given):
            x, name = channels[..., k][bodies.mask], _name(k)
            if not own:
                continue
            if not isinstance(own[0], str):
                known = torch.stack([_equal(x, float(v)) for v in own]).any(0)
                if not bool(known.all()):
                    got = f"{x[~known][0].item():.3g}"
                    raise InputError(f"{name} must be one of the {len(own)} values of training, got {got}: {REMEDY}")
            elif "log" in own and bool((x <= 0).any()):
                raise InputError(f"{name} must be positive as in training, got {x.min().item():.3g}: {REMEDY}")

    def __str__(self) -> str:
        said = []
        for k, own in enumerate(self.given):
            if own:
                what = "functions" if isinstance(own[0], str) else "single values"
                said.append(f"{len(own)} {what} of {_name(k)}")
        return " and ".join(said)


def feature_functions_of(bodies: Bodies) -> Given:
    """Return the functions of mass and features that tell more than these themselves, from the bodies of training.

    A channel of two values at most needs none. One of 3 to `MOST_VALUES` values has an indicator of each; others have
    powers, and a logarithm where they are positive.

    Args:
        bodies: the bodies of all training data.
    """
    apart = [_apart(x) for x in channels_of(bodies)[bodies.mask].double().unbind(-1)]
    many = sum(len(x) > MOST_VALUES for x in apart)
    given: Given = []
    for x in apart:
        own: list[str] | list[float] = []
        if len(x) > MOST_VALUES:
            own = list(POSITIVE[: max(1, MOST_POWERS // many)]) if float(x[0]) > 0 else ["square"]
        elif len(x) > 2:
            own = x.tolist()
        given.append(own if sum(map(len, given)) + len(own) <= MOST_FUNCTIONS else [])
    return given


def channels_of(bodies: Bodies) -> Float[Tensor, "*batch n c"]:
    """Return mass and features in one tensor."""
    return torch.cat([bodies.mass[..., None], bodies.features], -1)


def _function(x: Tensor, name: str) -> Tensor:
    if name == "square":
        return x.square()
    safe = torch.where(x > 0, x, 1.0)  # padding may hold any number
    return safe.log() if name == "log" else safe.pow(POWERS[name])


def _apart(x: Float[Tensor, " points"]) -> Float[Tensor, " values"]:
    """Return the values that differ, in their order."""
    x = x.sort().values
    return torch.cat([x[:1], x[1:][~_near(x[1:], x[:-1])]])


def _near(x: Tensor, y: Tensor) -> Tensor:
    return (x - y).abs() <= SAME * torch.maximum(x.abs(), y.abs()).clamp(min=1.0)


def _equal(x: Tensor, value: float) -> Tensor:
    return _near(x, torch.full_like(x, value))


def _name(channel: int) -> str:
    return "mass" if channel == 0 else f"feature {channel - 1}"
