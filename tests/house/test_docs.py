"""The documents speak of what there is: links, paths, commands of make, names in the picture, and README's lines."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path

import pytest

from tests.helpers.places import ROOT

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
MOST_WORDS = 1600
over_documents = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def links(text: str) -> list[str]:
    """Targets of Markdown links and pictures that lie in the repository."""
    return [target for target in re.findall(r"\]\(([^)#\s]+)", text) if "://" not in target]


def paths(text: str) -> list[str]:
    """Files and folders of the repository that are named in code, such as `docs/design.md`."""
    heads = "lieham|systems|tests|benchmarks|examples|docs"
    return re.findall(rf"(?<![\w/.])((?:{heads})/[\w/]*[\w/](?:\.(?:py|md|png|txt))?)(?![\w*])", text)


def exists(target: str, base: Path) -> bool:
    return (base / target).exists()


def resolve(name: str) -> object:
    """The object of a dotted name: the longest module, then its attributes."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found: object = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for part in parts[cut:]:
            found = getattr(found, part)
        return found
    raise ModuleNotFoundError(name)


@cache
def drawn() -> list[str]:
    """The dotted names that begin the boxes of the picture in docs/design.md."""
    picture = re.search(r"```mermaid\n(.*?)```", (ROOT / "docs" / "design.md").read_text(), re.S)
    assert picture is not None
    return re.findall(r'\["([\w.]+)', picture[1])


@over_documents
def test_links_lead_somewhere(document):
    assert [target for target in links(document.read_text()) if not exists(target, document.parent)] == []


@over_documents
def test_paths_exist(document):
    assert [path for path in paths(document.read_text()) if not exists(path, ROOT)] == []


def test_a_link_that_leads_nowhere_is_seen():
    """The check itself."""
    assert links("[a](docs/none.md) [b](https://x.y) ![c](docs/drift.png)") == ["docs/none.md", "docs/drift.png"]
    assert paths("`lieham/none.py`, and/or/lieham/x.py") == ["lieham/none.py"]
    assert not exists("docs/none.md", ROOT) and exists("docs/drift.png", ROOT)


def test_the_picture_names_what_there_is():
    assert len(drawn()) >= 7
    for name in drawn():
        assert resolve(name) is not None
    with pytest.raises(AttributeError):
        resolve("lieham.read_everything")


def test_the_targets_of_make_exist():
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {x for path in DOCUMENTS for x in re.findall(r"`make ([\w-]+)`", path.read_text())}
    assert {"test", "lint", "types", "coverage", "oldest"} <= named <= targets


def test_readme_is_short_and_says_which_learner_runs():
    text = (ROOT / "README.md").read_text()
    assert len(text.split()) <= MOST_WORDS
    first = " ".join(text.split("\n\n")[1].split())
    assert "By default `fit` solves a ridge regression in weak form on a dictionary of invariants" in first


def test_the_lines_of_readme_run(tmp_path, monkeypatch):
    """README's Python at a small size."""
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    small = code.replace("generate(100,", "generate(8,").replace("steps=1000", "steps=5")
    assert small != code
    monkeypatch.chdir(tmp_path)
    exec(small, {})
    assert (tmp_path / "conservation.png").stat().st_size > 0


def test_the_oldest_versions_are_the_bounds():
    """constraints-oldest.txt pins what pyproject.toml promises."""
    promised = dict(re.findall(r'^\s+"([\w-]+)(?:\[\w+\])?>=([\d.]+)",$', (ROOT / "pyproject.toml").read_text(), re.M))
    pinned = dict(re.findall(r"^([\w-]+)==([\d.]+)$", (ROOT / "constraints-oldest.txt").read_text(), re.M))
    needed = re.search(r"^dependencies = \[\n(.*?)^\]", (ROOT / "pyproject.toml").read_text(), re.M | re.S)
    assert needed is not None

    def number(version: str) -> tuple[int, ...]:
        parts = [int(x) for x in version.split(".")]
        return (*parts, *[0] * (3 - len(parts)))

    for name in re.findall(r'"([\w-]+)', needed[1]):
        assert number(pinned[name]) == number(promised[name]), name
