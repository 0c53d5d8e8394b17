"""Names that the pages mention exist: make targets, environment variables, files."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import Bake
from tests.files import files_below
from tests.matrix import NAMED, ROOT

TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
MENTIONED_TARGET = re.compile(r"\bmake ((?:[A-Z]+=\S+ )*)([a-z][a-z.-]*[a-z])(?![\w.-])")
CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
FENCED = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
VARIABLE = re.compile(r"^[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+$")
MODULE = re.compile(r"^trinity_celery(?:\.\w+)*$")
FILE = re.compile(r"^[\w.-]+(?:/[\w.-]+)+\.(?:py|toml|ya?ml|env|md|json|txt|svg)$|^[\w-]+/$")

# Of Celery, of Django, of tools, or of what a reader adds.
OTHERS = {
    "CELERY_TASK_ALWAYS_EAGER",
    "CELERY_WORKER_AUTOSCALE",
    "CELERY_WORKER_CONCURENCY",
}


def inline_code(text: str) -> set[str]:
    """Return what stands between backticks, outside of blocks."""
    return set(CODE.findall(FENCED.sub("", text)))


def targets(makefile: Path) -> set[str]:
    """Return the targets of a Makefile."""
    text = makefile.read_text()
    phony = {name for line in re.findall(r"^\.PHONY: (.*)", text, re.MULTILINE) for name in line.split()}
    queues = re.findall(r"^QUEUES := (.*)", text, re.MULTILINE)
    return set(TARGET.findall(text)) | phony | {f"celery-{name}" for line in queues for name in line.split()}


@cache
def words(project: Path) -> frozenset[str]:
    """Return every word in capitals that stands in the library or in a project's files, but for its guides."""
    files = [
        *(ROOT / "src").rglob("*.py"),
        *(project / name for name in files_below(project) if name.parts[0] not in ("docs", "README.md")),
    ]
    texts = [file.read_text(errors="replace") for file in files]
    return frozenset(re.findall(r"[A-Z][A-Z0-9_]+", "\n".join(texts)))


def unknown_targets(text: str, known: set[str]) -> set[str]:
    """Return the make targets that a page mentions, in blocks as well, and that are not known."""
    code = "\n".join([*inline_code(text), *(match[0] for match in FENCED.finditer(text))])
    return {name for _, name in MENTIONED_TARGET.findall(code)} - known - {"celery-images"}  # a reader's own queue


def unknown_variables(text: str, known: frozenset[str], per_queue: set[str]) -> set[str]:
    """Return the environment variables and constants that a page mentions and that are not known."""
    found = {code.partition("=")[0] for code in inline_code(text)}
    return {
        name
        for name in found
        if VARIABLE.match(name)
        and name not in known | OTHERS
        and not any(name.startswith(start) for start in per_queue)
    }


def unknown_files(text: str, folders: list[Path]) -> set[str]:
    """Return the files that a page mentions and that are in none of the folders."""
    return {
        name
        for name in inline_code(text)
        if FILE.match(name)
        and name not in MADE_LATER
        and not re.search("NAME|OWNER|images|mail", name)
        and not any((folder / name).exists() for folder in folders)
    }


def unknown_modules(text: str) -> set[str]:
    """Return the modules of the library that a page mentions, or names in them, and that are not there."""
    return {name for name in inline_code(text) if MODULE.match(name) and not is_in_library(name)}


def is_in_library(name: str) -> bool:
    """Return whether ``name`` is a package, a module, or a name that stands in a module or that a package shows."""
    path = (ROOT / "src").joinpath(*name.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    package, module = path.parent / "__init__.py", path.parent.with_suffix(".py")
    if package.is_file():
        return bool(re.search(rf'"{path.name}"[,\]]', package.read_text()))
    return module.is_file() and bool(re.search(rf"^(?:class |def |){path.name}\b", module.read_text(), re.MULTILINE))


MADE_LATER = {"staticfiles/"}
PER_QUEUE = {f"CELERY_WORKER_{name}_" for name in ("CONCURRENCY", "POOL", "PREFETCH_MULTIPLIER")}


@pytest.mark.parametrize("layout", NAMED)
def test_guides_name_what_is_there(layout: str, bake: Bake) -> None:
    project = bake(**NAMED[layout])
    known = targets(project / "Makefile")
    for page in [project / "README.md", *sorted((project / "docs").glob("*.md"))]:
        text = page.read_text()
        assert not unknown_targets(text, known), page.name
        assert not unknown_variables(text, words(project), PER_QUEUE), page.name
        assert not unknown_files(text, [project, project / "shared"]), page.name
        assert not unknown_modules(text), page.name


def test_pages_of_the_site_name_what_is_there(bake: Bake) -> None:
    projects = [bake(**answers) for answers in NAMED.values()]
    known = targets(ROOT / "Makefile").union(*(targets(project / "Makefile") for project in projects))
    variables = frozenset.union(*map(words, [*projects, ROOT / "tests", ROOT / "local_extensions"]))
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        text = page.read_text()
        assert not unknown_targets(text, known), page
        assert not unknown_variables(text, variables, PER_QUEUE), page
        assert not unknown_files(text, [ROOT, *projects]), page
        assert not unknown_modules(text), page


@pytest.mark.parametrize(
    "text",
    [
        "run `make nothing`",
        "```sh\nmake PYTHON=python3 nothing\n```",
        "`NO_SUCH_VARIABLE=1`",
        "see `shared/nothing.py`",
        "see `trinity_celery.brokers.nothing`",
        "see `trinity_celery.brokers.registry.nothing`",
    ],
)
def test_name_that_is_not_there_is_found(text: str, bake: Bake) -> None:
    project = bake()
    found = unknown_targets(text, {"demo"}) | unknown_variables(text, words(project), PER_QUEUE)
    assert found | unknown_files(text, [project]) | unknown_modules(text)
