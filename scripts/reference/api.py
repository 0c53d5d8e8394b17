"""``reference/api.md``: what the library shows."""

import re
import subprocess
from collections.abc import Iterator

import griffe

from scripts.reference.library import Docstring, Shown, docstring, methods, packages, properties, public, source
from scripts.reference.markdown import code, page, table
from tests.commands import tool
from tests.matrix import ROOT

HEAD = """\
The public API of `trinity_celery`, package by package. Import a name from the package under whose heading it stands,
as in `from trinity_celery.contracts import Contract`. Everything else in the library is private, and may change in any
version.
"""

NOT_RUN = "<!-- not run: a signature -->"
ADDRESS = re.compile(r"(?<![(<])https?://[^\s)]+[^\s).,;:]")
CODE = re.compile(r"``(.+?)``", re.DOTALL)
LITERAL = re.compile(r"^::\n+|(?<=:):$", re.MULTILINE)


def as_markdown(text: str) -> str:
    """Return the text of a docstring as Markdown."""
    return CODE.sub(r"`\1`", ADDRESS.sub(r"<\g<0>>", LITERAL.sub("", text)))


def _cell(text: str) -> str:
    words = " ".join(as_markdown(text).split())
    return words[:1].upper() + words[1:]


class Anchors:
    """Where on the page a public name stands."""

    def __init__(self, shown: list[griffe.Module]) -> None:
        self._known = {name: f"{module.path}.{name}" for module in shown for name in public(module)}

    def linked(self, name: str) -> str:
        """Return ``name`` as code, and as a link if it stands on the page."""
        anchor = self._known.get(name)
        return f"[{code(name)}](#{anchor})" if anchor else code(name)


def _tables(said: Docstring, anchors: Anchors) -> Iterator[str]:
    if said.arguments:
        yield table(("argument", "meaning"), ((code(name), _cell(text)) for name, text in said.arguments.items()))
    if said.returned:
        yield f"Returns {as_markdown(said.returned)}"
    if said.raised:
        yield table(("raises", "if"), ((anchors.linked(name), _cell(text)) for name, text in said.raised.items()))


def _block(shown: Shown) -> str:
    return f"{NOT_RUN}\n```python\n{source(shown)}\n```"


def _method(method: griffe.Function, anchor: str, anchors: Anchors) -> Iterator[str]:
    said = docstring(method)
    yield f"#### `{method.name}` {{ #{anchor}.{method.name} }}"
    yield _block(method)
    yield as_markdown(said.text)
    yield from _tables(said, anchors)


def _attributes(shown: Shown) -> Iterator[tuple[str, str]]:
    for name, text in docstring(shown).attributes.items():
        yield code(name), _cell(text)
    for each in properties(shown):
        yield code(each.name), _cell(docstring(each).text)


def _shown(name: str, shown: Shown, package: str, anchors: Anchors) -> Iterator[str]:
    said, anchor = docstring(shown), f"{package}.{name}"
    yield f"### `{name}` {{ #{anchor} }}"
    yield _block(shown)
    yield as_markdown(said.text)
    if attributes := list(_attributes(shown)):
        yield table(("attribute", "meaning"), attributes)
    yield from _tables(said, anchors)
    for method in methods(shown):
        yield from _method(method, anchor, anchors)


def _package(module: griffe.Module, anchors: Anchors) -> Iterator[str]:
    yield f"## `{module.path}` {{ #{module.path} }}"
    yield as_markdown(docstring(module).text)
    for name, shown in public(module).items():
        yield from _shown(name, shown, module.path, anchors)


def _formatted(text: str) -> str:
    """Return a page with its blocks as ruff formats them."""
    done = subprocess.run(
        [tool("ruff"), "format", "--stdin-filename", "api.md", "-"],
        cwd=ROOT,
        input=text,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def api() -> str:
    """Return the page."""
    shown = packages()
    anchors = Anchors(shown)
    return _formatted(page("API", HEAD, *(part for module in shown for part in _package(module, anchors))))
