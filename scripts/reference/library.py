"""What the library shows: the public names of its packages with their signatures and docstrings, without importing any.

A name is public if it stands in ``__all__`` of a package, or is one of ``trinity_celery.errors``.
"""

import ast
import builtins
import re
import textwrap
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pydoc import locate

import griffe

from tests.matrix import ROOT

LIBRARY = "trinity_celery"
ERRORS = f"{LIBRARY}.errors"
SAME = re.compile(r"^Do the same as ``(\w+)``")

Shown = griffe.Class | griffe.Function | griffe.Attribute


@dataclass(frozen=True)
class Docstring:
    """A docstring in Google's style, section by section.

    Attributes:
        text: what stands before and between the sections.
        arguments, attributes, raised: descriptions by name.
        returned: what is returned, or yielded, if a section says so.
    """

    text: str = ""
    arguments: dict[str, str] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    raised: dict[str, str] = field(default_factory=dict)
    returned: str = ""

    @property
    def same_as(self) -> str:
        """The method to whose docstring this one refers for all but its first sentence, if it does."""
        found = SAME.match(self.text)
        return found[1] if found else ""


@cache
def _library() -> griffe.Module:
    loaded = griffe.load(LIBRARY, search_paths=[ROOT / "src"], docstring_parser="google", allow_inspection=False)
    assert isinstance(loaded, griffe.Module)
    return loaded


def _packages(module: griffe.Module) -> Iterator[griffe.Module]:
    """Yield what has public names, by name: each package comes before those in it."""
    if (module.is_init_module and module.exports) or module.path == ERRORS:
        yield module
    for name, each in sorted(module.modules.items()):
        if not each.is_alias and not name.startswith("_"):
            yield from _packages(each)


def packages() -> list[griffe.Module]:
    """Return the modules that have public names."""
    return list(_packages(_library()))


def public(module: griffe.Module) -> dict[str, Shown]:
    """Return what is public in ``module``, in the order of its ``__all__`` or, without one, of its source."""
    names = [str(name) for name in module.exports or [name for name, each in module.members.items() if each.is_class]]
    found = {}
    for name in names:
        # A module may have the same name as what is imported from it.
        path = module.imports.get(name, f"{module.path}.{name}")
        target = _library()[path.removeprefix(f"{LIBRARY}.")]
        assert isinstance(target, Shown), f"{module.path}.{name}"
        found[name] = target
    return found


def methods(shown: Shown) -> list[griffe.Function]:
    """Return the public methods that stand in a class, in their order there."""
    return [
        each
        for name, each in shown.members.items()
        if isinstance(each, griffe.Function) and not name.startswith("_") and "property" not in each.labels
    ]


def properties(shown: Shown) -> list[griffe.Attribute]:
    """Return the public properties that stand in a class."""
    return [
        each
        for name, each in shown.members.items()
        if isinstance(each, griffe.Attribute) and "property" in each.labels and not name.startswith("_")
    ]


def docstring(documented: griffe.Object) -> Docstring:
    """Return the docstring of an object; of a class, together with that of its ``__init__``."""
    found = _parsed(documented)
    creator = documented.members.get("__init__")
    if isinstance(creator, griffe.Function):
        more = _parsed(creator)
        return Docstring(
            "\n\n".join(filter(None, (found.text, more.text))),
            found.arguments | more.arguments,
            found.attributes,
            found.raised | more.raised,
        )
    return found


def _parsed(documented: griffe.Object) -> Docstring:
    texts: list[str] = []
    named: dict[str, dict[str, str]] = {"parameters": {}, "attributes": {}, "raises": {}}
    returned = ""
    sections = documented.docstring.parse(warnings=False) if documented.docstring else []
    for section in sections:
        kind = section.kind.value
        if kind == "text":
            texts.append(str(section.value))
        elif kind in ("parameters", "attributes"):
            named[kind] |= {each.name.lstrip("*"): each.description for each in section.value}
        elif kind == "raises":
            named[kind] |= {str(each.annotation): each.description for each in section.value}
        elif kind in ("returns", "yields"):
            returned = " ".join(each.description for each in section.value)
    return Docstring("\n\n".join(texts), named["parameters"], named["attributes"], named["raises"], returned)


def source(shown: Shown) -> str:
    """Return the signature as source: of a class, its public fields and what makes an instance."""
    node = ast.parse(textwrap.dedent(shown.source)).body[0]
    _empty(node)
    return ast.unparse(node)


def _empty(node: ast.stmt) -> None:
    """Leave out of a definition what is no part of its signature."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        node.body = [ast.Expr(ast.Constant(...))]
    elif isinstance(node, ast.ClassDef):
        node.body = [each for each in node.body if _is_field(each) or _makes(each)] or [ast.Expr(ast.Constant(...))]
        for each in node.body:
            _empty(each)


def _is_field(node: ast.stmt) -> bool:
    return isinstance(node, ast.AnnAssign) and not ast.unparse(node.target).startswith("_")


def _makes(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and node.name == "__init__"


def is_error(name: str, scope: griffe.Object) -> bool:
    """Return whether ``name``, in a docstring of ``scope``, is that of an exception."""
    candidates = [f"{ERRORS}.{name}", name]
    with suppress(griffe.NameResolutionError):
        candidates.append(scope.resolve(name))
    found = [getattr(builtins, name, None), *map(locate, candidates)]
    return any(isinstance(each, type) and issubclass(each, BaseException) for each in found)
