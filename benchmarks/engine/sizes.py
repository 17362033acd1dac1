"""The size of a study, and the part of it that the command line asked for."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

from benchmarks.engine.models import models
from benchmarks.engine.records import Records
from benchmarks.engine.scoring import Trial
from systems import SYSTEMS


@dataclass(frozen=True)
class Size:
    """The training sets, seeds, laws and models of a study, and the data that they are scored on.

    No `models` or `laws` means all; `share` of the steps of every training; `n_val` windows for validation, which are
    data beside the `n_train`; `n_test` windows; rollouts of `unseen` systems up to the last of the `horizons`.
    """

    n_train: tuple[int, ...]
    seeds: tuple[int, ...] = (0,)
    models: tuple[str, ...] = ()
    laws: tuple[str, ...] = ("springs",)
    share: float = 1.0
    n_val: int = 0
    n_test: int = 2000
    unseen: int = 20
    horizons: tuple[int, ...] = (10, 50, 99, 499)

    @property
    def protocol(self) -> dict:
        """The settings that a score depends on beside the model."""
        return {"n_test": self.n_test, "unseen": self.unseen, "horizons": list(self.horizons)}


def to_stderr(line: str) -> None:
    """Say something while running."""
    print(line, file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Given:
    """The command line's wishes: a file of results, a size, and which of its seeds, training sets, laws and models."""

    records: Records
    size: Size
    seeds: tuple[int, ...] = ()
    n_train: tuple[int, ...] = ()
    only: tuple[str, ...] = ()
    say: Callable[[str], None] = field(default=to_stderr)

    @property
    def laws(self) -> tuple[str, ...]:
        """The laws asked for."""
        return self._among(self.size.laws or tuple(SYSTEMS))

    @property
    def models(self) -> tuple[str, ...]:
        """The models asked for."""
        return self._among(self.size.models or tuple(models()))

    def runs(self) -> Iterator[tuple[str, str, int, int]]:
        """(law, model, n_train, seed) of every run."""
        return product(self.laws, self.models, self.n_train or self.size.n_train, self.seeds or self.size.seeds)

    def _among(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(x for x in names if x in self.only) or names


@lru_cache(maxsize=2)
def trial(law: str, size: Size) -> Trial:
    """The windows and systems that a law is scored on: the same for every model, training set and seed."""
    system = SYSTEMS[law]()
    return Trial.of(system, system.benchmark(0, n_test=size.n_test).test, size.unseen, size.horizons)
