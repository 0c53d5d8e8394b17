"""The private names of Celery, kombu, billiard, redis-py, py-amqp and RedBeat: that each is where the library uses it.

`make test-newest` runs this on the newest releases.
"""

import ast
import inspect
import re
import sys
from collections import namedtuple
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
from celery import Celery

from tests.matrix import ROOT
from trinity_celery._compat.celery import decorated_function

SOURCE = ROOT / "src/trinity_celery"
TABLES = {path.stem: import_module(f"trinity_celery._compat.{path.stem}") for path in SOURCE.glob("_compat/[a-z]*.py")}
Case = tuple[str, str, bool]  # where, what with its parameters, and whether a subclass overrides it
CASES: list[Case] = [
    (place, name, table == "OVERRIDDEN")
    for module in TABLES.values()
    for table in ("CALLED", "OVERRIDDEN")
    for place, names in getattr(module, table).items()
    for name in names
]
LISTED = {name.partition("(")[0] for _, name, _ in CASES}
# What namedtuples document, and has an underscore so that no field has the same name.
PUBLIC = {name for name in dir(namedtuple("Empty", ())) if re.match("_[^_]", name)}
LOOK_UPS = {"attrgetter", "delattr", "getattr", "hasattr", "methodcaller", "setattr"}


def is_private(name: object) -> bool:
    return isinstance(name, str) and re.match("_[^_]", name) is not None


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def sources() -> list[Path]:
    return [path for path in sorted(SOURCE.rglob("*.py")) if path.parent.name != "_compat"]


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")


def stored_attributes(tree: ast.AST) -> set[str]:
    nodes = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    return {node.attr for node in nodes}


@cache
def instance_attributes(kind: type) -> set[str]:
    """Return what the methods of ``kind`` and of its bases assign."""
    found: set[str] = set()
    for base in kind.__mro__:
        file = getattr(sys.modules[base.__module__], "__file__", None)
        # inspect.getsource takes a minute for the commands of redis-py.
        for node in tree_of(Path(file)).body if file else ():
            if isinstance(node, ast.ClassDef) and node.name == base.__name__:
                found |= stored_attributes(node)
    return found


def parameters_of(function: Any) -> list[inspect.Parameter]:
    found = list(inspect.signature(function).parameters.values())
    return found[1:] if found and found[0].name in ("self", "cls") else found


def is_optional(parameter: inspect.Parameter) -> bool:
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.kind in variadic or parameter.default is not inspect.Parameter.empty


def text_of(parameter: inspect.Parameter) -> str:
    return str(parameter.replace(annotation=inspect.Parameter.empty, default=inspect.Parameter.empty))


def fits(place: str, text: str, exactly: bool) -> bool:
    """Return whether ``text``, a name with parameters if it is a function, is true of the installed ``place``."""
    name, bracket, rest = text.partition("(")
    module, _, kind = place.partition(":")
    try:
        owner: Any = import_module(module)
        owner = getattr(owner, kind) if kind else owner
        found = getattr(owner, name)
    except ImportError:
        return False
    except AttributeError:
        return not bracket and isinstance(owner, type) and name in instance_attributes(owner)
    if not bracket:
        return not inspect.isfunction(found)
    if not callable(found):
        return False
    wanted = [part for part in rest.removesuffix(")").split(", ") if part]
    parameters = parameters_of(found)
    if exactly:
        return [text_of(each) for each in parameters] == wanted
    named = [text_of(each) for each in parameters if text_of(each) in wanted]
    return named == wanted and all(is_optional(each) for each in parameters if text_of(each) not in wanted)


def users_of(name: str) -> str:
    """Return the modules that use ``name``, by themselves or through functions of ``_compat``."""
    names: set[str] = set()
    found = {name}
    while found - names:
        names |= found
        found = {function for function, words in words_of_functions().items() if names & words}
    return ", ".join(module_of(path) for path in sources() if names & identifiers(tree_of(path)))


@cache
def words_of_functions() -> dict[str, set[str]]:
    """Return what the functions of ``_compat`` consist of, docstrings included."""
    nodes = [node for path in SOURCE.glob("_compat/*.py") for node in tree_of(path).body]
    functions = [node for node in nodes if isinstance(node, ast.FunctionDef)]
    return {function.name: set(re.findall(r"\w+", ast.unparse(function))) for function in functions}


@cache
def identifiers(tree: ast.Module) -> set[str]:
    """Return what ``tree`` names, also in strings, as in ``getattr``."""
    names = {getattr(node, kind, None) for node in ast.walk(tree) for kind in ("attr", "id", "name", "value")}
    return {name for name in names if isinstance(name, str)}


@cache
def installed(place: str) -> str:
    package = re.split("[.:]", place)[0]
    distributions = packages_distributions().get(package, [])
    return " ".join([distributions[0], version(distributions[0])]) if distributions else f"{package} is not installed"


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}.{case[1].partition('(')[0]}")
def test_name_is_what_the_library_relies_on(case: Case) -> None:
    place, text, exactly = case
    if not fits(place, text, exactly):
        what = "is gone or takes other arguments" if "(" in text else "is gone, or is a function now"
        users = users_of(text.partition("(")[0])
        pytest.fail(f"{installed(place)}: {place.replace(':', '.')}.{text} {what}; used by {users}", pytrace=False)


def test_task_knows_what_was_decorated() -> None:
    """Celery sets ``_decorated_fun`` on the class that it makes, so that no table can name it."""

    def add(one: int, other: int) -> int:
        return one + other

    with Celery("decorating", set_as_current=False) as app:
        task = app.task(autoretry_for=(OSError,))(add)
        assert decorated_function(type(app.tasks[task.name])) is add, (
            f"{installed('celery')}: Task._decorated_fun is gone"
        )


def test_every_name_in_the_tables_is_used() -> None:
    assert [name for name in sorted(LISTED) if not users_of(name)] == []


def own_names() -> set[str]:
    """Return what the library's own functions, classes and assignments are called."""
    names = set()
    for path in sources():
        for node in ast.walk(tree_of(path)):
            match node:
                case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                    names.add(name)
                case ast.Name(id=name, ctx=ast.Store()):
                    names.add(name)
        names |= stored_attributes(tree_of(path))
    # What a class only annotates is somebody else's, for the type checker.
    annotated = {
        node.target.id
        for path in sources()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.AnnAssign) and node.value is None and isinstance(node.target, ast.Name)
    }
    return names - annotated


OWN = own_names()


def is_own(owner: ast.expr, name: str, classes: set[str]) -> bool:
    """Return whether ``owner.name`` belongs to the library, or is public although it looks private."""
    match owner:
        case ast.Name(id="self" | "cls") | ast.Call(func=ast.Name(id="super")):
            return name in OWN | LISTED
        case ast.Name(id=module) if module in sys.stdlib_module_names:
            return name in getattr(import_module(module), "__all__", ())
        case ast.Name(id=kind) if kind in classes:
            return name in OWN
    return name in PUBLIC


def private_look_ups(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each use of a private name that is not the library's own."""
    classes = {node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=owner, attr=name) if is_private(name) and not is_own(owner, name, classes):
                yield node.lineno, ast.unparse(node)
            case ast.Call(func=ast.Name(id=function) | ast.Attribute(attr=function), args=arguments) if (
                function in LOOK_UPS
            ):
                if any(isinstance(each, ast.Constant) and is_private(each.value) for each in arguments):
                    yield node.lineno, ast.unparse(node)
            case ast.ImportFrom(module=str(module), names=names) if not module.startswith("trinity_celery"):
                if any(is_private(part) for part in [*module.split("."), *(each.name for each in names)]):
                    yield node.lineno, ast.unparse(node)


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_no_other_module_uses_a_private_name(path: Path) -> None:
    found = [f"{path.relative_to(ROOT)}:{line}: {text}" for line, text in private_look_ups(tree_of(path))]
    assert not found, "\n".join([*found, "put it into a function of trinity_celery._compat"])


@pytest.mark.parametrize(
    ("code", "is_found"),
    [
        ("connection._sock", True),
        ("self.connection._sock", True),
        ("getattr(pool, '_pool', None)", True),
        ("from kombu.transport.redis import _after_fork_cleanup_channel", True),
        ("from _thread import start_new_thread", True),
        ("self._nobody_has_this", True),
        ("super()._create_client()", False),
        ("os._exit(0)", False),
        ("parts._replace(netloc='')", False),
    ],
)
def test_private_names_are_found(code: str, is_found: bool) -> None:
    assert bool(list(private_look_ups(ast.parse(code)))) is is_found


def test_what_a_class_defines_overrides_nothing_unlisted() -> None:
    """A private name of ours that a base class in the tables has, too, has to stand in them."""
    defined = {
        name
        for path in sources()
        for kind in ast.walk(tree_of(path))
        if isinstance(kind, ast.ClassDef) and kind.bases
        for node in kind.body
        for name in [
            getattr(node, "name", None),
            *(each.id for each in getattr(node, "targets", []) if hasattr(each, "id")),
        ]
        if is_private(name)
    }
    bases = {place for place, _, overridden in CASES if overridden and ":" in place}
    for place in sorted(bases):
        module, _, kind = place.partition(":")
        assert {name for name in defined if name in dir(getattr(import_module(module), kind))} <= LISTED, place
