"""This module records the origin of data: typed facts that the program acts on, and settings that only document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace

from lieham._support.settings import OBSERVED
from lieham.errors import InputError, check_choice, expected


@dataclass(frozen=True)
class Provenance:
    """A record that says where a dataset comes from and what its numbers mean. It is replaced, never changed.

    Args:
        observed: how the states were observed: "exact", "noisy", or "positions" where the momenta are estimates.
            `fit` chooses its method by it.
        law: the name of the law that generated the trajectories.
        units: the units of the trajectories.
        source: the file, the collection or the publication that the data were taken from.
        file: the path of the file that holds the data now.
        masses: the group from whose conserved momenta the masses were inferred; empty where they were known.
        split: how the splits were cut, "by trajectory" or "along time", if the file had none; and which splits were
            left out, since the trajectories were too short.
        seed: the seed of whatever was drawn at random.
        target: the name of the number that a cloud has to predict.
        unit: the unit of that number.
        extensive: True if that number adds up over the parts of a cloud.
        classes: the number of classes, if the targets are classes.
        protocol: the name of the published protocol that sizes and splits follow.
        data: the kind of data that the command line has made, such as "digits".
        shares: the shares of train, val and test that were asked for, such as "0.8,0.2,0"; empty for the default.
        window: the number of points for which a cut along time left room; None for the default.
        settings: everything else that documents how the data were made. Nothing in the program acts on it.

    Raises:
        InputError: a field has another type, `observed` is none of the three, or a setting has a field's name.

    Example:
        >>> known = Provenance(observed="positions", settings={"camera": "left"})
        >>> known.as_dict()
        {'observed': 'positions', 'camera': 'left'}
        >>> Provenance.of(known.as_dict()) == known
        True
    """

    observed: str = "exact"
    law: str = ""
    units: str = ""
    source: str = ""
    file: str = ""
    masses: str = ""
    split: str = ""
    seed: int | None = None
    target: str = ""
    unit: str = ""
    extensive: bool = False
    classes: int | None = None
    protocol: str = ""
    data: str = ""
    shares: str = ""
    window: int | None = None
    settings: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, kind in KINDS.items():
            value = getattr(self, name)
            if value is not _DEFAULTS[name] and not _is(kind, value):
                raise expected(name, WORDS[kind], repr(value))
        check_choice("observed", self.observed, OBSERVED)
        if self.classes is not None and self.classes < 1:
            raise expected("classes", "at least 1", self.classes)
        object.__setattr__(self, "settings", dict(self.settings))
        for name, value in self.settings.items():
            if _steers(name, value):
                raise InputError(f"settings must not hold {name}, got {value!r}: give it to Provenance as {name}=")

    @classmethod
    def of(cls, mapping: Mapping[str, object]) -> Provenance:
        """Return the provenance that a file's attributes, or the section `data` of config.yaml, describe.

        A key that is no field, or whose value does not have the field's type, is kept in `settings` and has no effect.

        Args:
            mapping: names to text, numbers or lists, as `as_dict` writes them or as another program did.

        Returns:
            The provenance; `of(x.as_dict()) == x`.

        Raises:
            InputError: `observed` is none of its three values, or `classes` is less than 1.
        """
        own = {name: value for name, value in mapping.items() if _steers(name, value)}
        return cls(**own, settings={name: value for name, value in mapping.items() if name not in own})  # type: ignore[arg-type]

    def as_dict(self) -> dict[str, object]:
        """Return every field that is not at its default, and every setting, by name in one flat dictionary."""
        own = {name: value for name in KINDS if (value := getattr(self, name)) != _DEFAULTS[name]}
        return own | {name: value for name, value in self.settings.items() if name not in own}

    def updated(self, **changes: object) -> Provenance:
        """Return the provenance with these fields replaced; other names are replaced in, or added to, its settings.

        Raises:
            InputError: a field is given a value of another type.
        """
        own = {name: value for name, value in changes.items() if name in KINDS}
        others = {name: value for name, value in changes.items() if name not in KINDS}
        return replace(self, **own, settings={**self.settings, **others})  # type: ignore[arg-type]


KINDS: dict[str, type] = {
    f.name: {"str": str, "bool": bool}.get(str(f.type), int) for f in fields(Provenance) if f.name != "settings"
}
"""This table gives the type of every field that the program reads, that is, of all fields but `settings`."""

WORDS = {str: "text", bool: "True or False", int: "an integer"}
_DEFAULTS = {f.name: f.default for f in fields(Provenance)}


def _is(kind: type, value: object) -> bool:
    """Return True if the value is of exactly that type, so that True is no integer."""
    return type(value) is kind


def _steers(name: str, value: object) -> bool:
    """Return True if name and value are read as a field; a wrong `observed` counts, so that it is refused."""
    return name in KINDS and (_is(KINDS[name], value) or name == "observed")
