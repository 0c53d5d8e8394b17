"""The docstrings of the library's public names say what there is to know, and nothing that is not so."""

import re
from collections.abc import Iterator
from pathlib import Path

import griffe
import pytest

from scripts.reference.library import Shown, docstring, is_error, methods, packages, properties, public

SHOWN = {f"{module.path}.{name}": shown for module in packages() for name, shown in public(module).items()}
# What begins so needs no section about what is returned.
RETURNS = re.compile(r"(Return|Yield)\b|Do the same as ")
NOTHING = {"None", "NoReturn", "Iterator[None]"}


def arguments(function: griffe.Function) -> set[str]:
    """Return the arguments that a caller may want to give."""
    names = {each.name.lstrip("*") for each in function.parameters}
    return {name for name in names - {"self", "cls"} if not name.startswith("_")}


def fields(shown: griffe.Class) -> set[str]:
    """Return the public fields that stand in a class."""
    return {
        name
        for name, each in shown.members.items()
        if isinstance(each, griffe.Attribute)
        and each.annotation is not None
        and "property" not in each.labels
        and not name.startswith("_")
    }


def problems_of_function(function: griffe.Function) -> Iterator[str]:
    """Yield what is wrong with the docstring of a function or a method."""
    said = docstring(function)
    if not said.text:
        yield "has no docstring"
        return
    taken, told = arguments(function), set(said.arguments)
    if said.same_as:
        other = function.parent.members.get(said.same_as) if function.parent else None
        if not isinstance(other, griffe.Function) or not taken - told <= arguments(other):
            yield f"is not the same as {said.same_as}"
    elif missing := taken - told:
        yield f"says nothing about {', '.join(sorted(missing))}"
    if unknown := told - taken:
        yield f"has no argument {', '.join(sorted(unknown))}"
    returns = str(function.annotation)
    if returns not in NOTHING and not said.returned and not RETURNS.match(said.text):
        yield f"does not say what it returns: {returns}"
    yield from unknown_errors(function)


def unknown_errors(documented: griffe.Object) -> Iterator[str]:
    """Yield what stands below ``Raises:`` and is no exception."""
    for name in docstring(documented).raised:
        if not is_error(name, documented):
            yield f"there is no error {name}"


def problems(shown: Shown) -> Iterator[str]:
    """Yield what is wrong with the docstrings of a public name: its own, those of its methods and of its properties."""
    if isinstance(shown, griffe.Function):
        yield from problems_of_function(shown)
        return
    if not docstring(shown).text:
        yield "has no docstring"
    if isinstance(shown, griffe.Class):
        yield from unknown_errors(shown)
        creator = shown.members.get("__init__")
        taken = arguments(creator) if isinstance(creator, griffe.Function) else set()
        # The fields of settings are variables, of which reference/environment.md has a row each.
        is_settings = any(str(base).endswith("Settings") for base in shown.bases)
        told = docstring(shown).arguments | docstring(shown).attributes
        if missing := (taken | (set() if is_settings else fields(shown))) - set(told):
            yield f"says nothing about {', '.join(sorted(missing))}"
    for method in methods(shown):
        yield from (f"{method.name} {problem}" for problem in problems_of_function(method))
    for each in properties(shown):
        if not docstring(each).text:
            yield f"{each.name} has no docstring"


@pytest.mark.parametrize("name", SHOWN)
def test_docstrings_are_complete_and_true(name: str) -> None:
    assert list(problems(SHOWN[name])) == []


BAD = {
    "def f(one, two): '''Do it.\n\n    Args:\n        one: a number.\n        three: one more.'''": [
        "says nothing about two",
        "has no argument three",
    ],
    "def f() -> int: '''Do it.'''": ["does not say what it returns: int"],
    "def f(): '''Do it.\n\n    Raises:\n        NoSuchError: it is Monday.'''": ["there is no error NoSuchError"],
    "def f(): pass": ["has no docstring"],
    "class C:\n    '''A class.'''\n    def f(self): pass": ["f has no docstring"],
    "class C:\n    '''A class.'''\n    size: int": ["says nothing about size"],
    "class C:\n    '''A class.'''\n    def f(self, a): '''Do the same as ``g``.'''": ["f is not the same as g"],
}


@pytest.mark.parametrize("code", BAD)
def test_what_is_missing_or_wrong_is_found(code: str) -> None:
    module = griffe.visit("bad", Path("bad.py"), code, docstring_parser=griffe.Parser.google)
    (shown,) = module.members.values()
    assert isinstance(shown, Shown)
    assert list(problems(shown)) == BAD[code]
