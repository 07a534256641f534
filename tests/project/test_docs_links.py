"""The documents lead somewhere: their links, their anchors, and what they name of this project: files and commands."""

import re
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from tests.support.service import ROOT

NOT_OURS = {"build", "data", "dist", "node_modules"}

# Their readers look for the files that they name.
GUIDES = ["CONTRIBUTING.md", "docs/architecture.md"]

# Such as `export/`, `wsgi.py` or `tests/support/service.py`; not `/colorize`, and not the `manifest.json` of a bundle.
PATH = re.compile(r"[\w.-]+/[\w./-]*|[\w.-]+\.(py|md|conf)")


def documents() -> list[str]:
    """All Markdown files of the project, relative to it."""
    found = (path.relative_to(ROOT) for path in ROOT.rglob("*.md"))
    ours = (path for path in found if not any(part in NOT_OURS or part.startswith(".") for part in path.parts))
    return sorted(path.as_posix() for path in ours)


@cache
def parsed(path: Path) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(path.read_text())


def pieces(path: Path) -> Iterator[Token]:
    """Text, code, links and pictures of a document, without its blocks of code."""
    for block in parsed(path):
        yield from block.children or ()


def targets(path: Path) -> list[str]:
    """Where a document's links and pictures lead to within the project."""
    attributes = (piece.attrGet("href") or piece.attrGet("src") for piece in pieces(path))
    return [target for target in attributes if target and not urlsplit(target).scheme]


def anchors(path: Path) -> set[str]:
    """What a link to a heading of the document may say behind ``#``, as GitHub makes it of the heading's text."""
    made: list[str] = []
    for opening, heading in pairwise(parsed(path)):
        if opening.type == "heading_open":
            text = "".join(piece.content for piece in heading.children or ())
            slug = re.sub(r"[^\w -]", "", text.lower()).replace(" ", "-")
            earlier = sum(re.sub(r"-\d+$", "", other) == slug for other in made)
            made.append(f"{slug}-{earlier}" if earlier else slug)
    return set(made)


def dead_links(document: str) -> list[str]:
    dead = []
    for target in targets(ROOT / document):
        link = urlsplit(target)
        path = (ROOT / document).parent / unquote(link.path) if link.path else ROOT / document
        there = path.resolve().is_relative_to(ROOT) and path.exists()
        if not there or (link.fragment and link.fragment not in anchors(path)):
            dead.append(target)
    return dead


@pytest.mark.parametrize("document", documents())
def test_no_link_leads_nowhere(document):
    assert not dead_links(document)


@pytest.mark.parametrize("guide", GUIDES)
def test_a_newcomer_finds_every_file_that_is_named(guide):
    named = {piece.content for piece in pieces(ROOT / guide) if piece.type == "code_inline"}
    paths = {name for name in named if PATH.fullmatch(name)}
    assert len(paths) >= 15
    assert not {path for path in paths if not (ROOT / path).exists()}


@pytest.mark.parametrize("document", documents())
def test_every_command_that_is_named_can_be_typed(document):
    modules = re.findall(r"python -m ([a-z_]+(?:\.[a-z_]+)*)", (ROOT / document).read_text())
    assert not [module for module in modules if find_spec(module) is None]
