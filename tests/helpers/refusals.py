"""How tests say that a call is refused, and that a folder is left as it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from lieham.errors import LiehamError


def says(kind: type[LiehamError], call, *parts: str) -> None:
    """The call is refused in one sentence that holds every part, in order."""
    with pytest.raises(kind) as caught:
        call()
    sentence = str(caught.value)
    places = [sentence.find(part) for part in parts]
    assert -1 not in places and places == sorted(places), f"{parts} are not in order in {sentence!r}"


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(x.relative_to(folder)): x.read_bytes() for x in folder.rglob("*") if x.is_file()}
