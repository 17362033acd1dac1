"""The file of results: written after every run, so that an interrupted benchmark goes on where it stopped."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

from benchmarks.engine.machine import code, machine, now, one_line
from lieham._support.files import read_json, write_json
from lieham.errors import FileError


class Records:
    """{"benchmark", "size", "machine", "results"}; a result is known by the hash of all settings it depends on.

    The commit is not among them: each result has the one at which its run began, and `fresh` begins anew. Raises
    FileError when the file holds another benchmark, or none.
    """

    def __init__(self, path: str | Path, benchmark: str, size: str, fresh: bool = False):
        self.path, self.benchmark, self.size = Path(path), benchmark, size
        self.machine, self.results, self.asked = machine(), [], []
        self.code = code()
        if self.path.exists() and not fresh:
            self.results = load(self.path, benchmark)["results"]

    def once(self, settings: dict, measure: Callable[[], dict]) -> dict:
        """Return the result with these settings from the file, or call `measure()` and write its result."""
        key = key_of(settings)
        found = next((x for x in self.results if x["key"] == key), None)
        if found is None:
            own = {"key": key, "settings": settings, "size": self.size, "machine": one_line(self.machine)}
            found = plain(measure() | own | self.code | {"date": now()})
            self.results.append(found)
            self.write()
        self.asked.append(found)
        return found

    def write(self) -> None:
        """Write the file as a whole or not at all."""
        write_json(self.path, self.content(self.results))

    def content(self, results: list[dict]) -> dict:
        """Return the content of a file with these results."""
        return {"benchmark": self.benchmark, "size": self.size, "machine": self.machine, "results": results}


def load(path: str | Path, benchmark: str | None = None) -> dict:
    """Return the content of a file of results; FileError if it is none, or one of another benchmark."""
    content = read_json(path, "json")
    if not isinstance(content, dict) or not {"benchmark", "machine", "results"} <= content.keys():
        raise FileError(f"json must be written by a benchmark, got {path}")
    if benchmark is not None and content["benchmark"] != benchmark:
        raise FileError(f"json must hold results of {benchmark}, got {path}, of {content['benchmark']}")
    return content


def key_of(settings: dict) -> str:
    """Return a hash of settings, in which their order does not matter."""
    text = json.dumps(settings, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def plain(value: object) -> object:
    """Return the value as JSON gives it back; raises ValueError on NaN and infinities, which JSON does not have."""
    return json.loads(json.dumps(value, allow_nan=False))
