"""``reference/files.md``: what gets rendered, and which answers add or remove it."""

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from local_extensions.files import REMOVE_UNLESS, VARIANTS, split_variant
from scripts.reference.markdown import code, first_sentence, listed, page, table
from scripts.reference.projects import LIBRARY, Projects
from tests.files import listing
from tests.matrix import ROOT

COMMENT = re.compile(r"\A(?:# syntax=.*\n)?((?:#[^\n]*\n)+)")
TITLE = re.compile(r"^# (.+)$", re.MULTILINE)

# Files that do not say what they are.
KNOWN = {
    ".dockerignore": "What does not go into images",
    ".editorconfig": "How editors indent and end lines",
    ".gitignore": "What Git leaves out",
    ".importlinter": "Who may import what; `make check` looks after it",
    "LICENSE": "The license",
    "Makefile": "The targets that `make help` lists",
    "Procfile": "Every process, one line each",
    "README.md": "Where to begin",
    "mkdocs.yml": "The site of the guides; `make docs` serves it",
    "mypy.ini": "How strictly types are checked",
    "packages/trinity-celery/": "The library: not edited, but replaced as a whole; its `README.md` says more",
    "pyproject.toml": "Packages, a group for each service, and the settings of tools",
    "docs/assets/site.css": "How the guides look",
    "docs/index.md": "The first page of the guides",
    "docs/what-runs.svg": "A picture of what runs",
}

HEAD = """\
The files of the default project, each with what it says about itself. A package also has an `__init__.py`, which is
left out here if it is empty.
"""

PACKAGES = """\
## The library

What is in `packages/trinity-celery/`. Each package imports only those below it.
"""

ANSWERS = """\
## Which answers add or remove files

A file that was not chosen is not there. Folders are removed as a whole.
"""

VARIANT = """\
Of these there is one for each answer, and the chosen one gets the name.
"""

# What has to be answered for the files of REMOVE_UNLESS to stay.
NEEDED = {
    "django": "`use_django=y`",
    "fastapi": "`use_fastapi=y`",
    "two services": "both services",
    "combined": "a queue without an owner, and both services",
    "beat": "`beat_scheduler`, but `none`",
    "redbeat": "`beat_scheduler=redbeat`",
    "database": "`beat_scheduler=database`",
    "file": "`beat_scheduler=file`",
    "rabbitmq": "`broker=rabbitmq`",
    "flower": "`use_flower=y`",
}


def description(project: Path, name: str) -> str:
    """Return what a file says that it is, in a sentence.

    Raises:
        SystemExit: it says nothing.
    """
    if name in KNOWN:
        return KNOWN[name]
    path = project / name
    if path.parent.name == "migrations" and path.name[0].isdigit():
        return "A migration of Django's database"
    text = path.read_text()
    if path.suffix == ".py":
        found = ast.get_docstring(ast.parse(text)) or ""
    elif path.suffix == ".md":
        found = title[1] if (title := TITLE.search(text)) else ""
    else:
        comment = COMMENT.match(text)
        found = re.sub(r"^#+ ?", "", comment[1], flags=re.MULTILINE) if comment else ""
    if not found:
        raise SystemExit(f"{name}: does not say what it is: begin it with a comment")
    return first_sentence(found)


def _described(project: Path) -> Iterator[tuple[str, str]]:
    for name in listing(project):
        if (project / name).stat().st_size:
            yield name, description(project, name)


def _folder(row: tuple[str, str]) -> str:
    folder, slash, _ = row[0].partition("/")
    return folder if slash else ""


def _sections(project: Path) -> Iterator[str]:
    rows = sorted(_described(project), key=lambda row: (_folder(row), row))
    for folder, files in groupby(rows, key=_folder):
        title = f"`{folder}/`" if folder else "At the top"
        yield f"### {title}\n\n{table(('file', 'what it is'), ((code(name), what) for name, what in files))}"


def _packages(project: Path) -> Iterator[tuple[str, str]]:
    """Yield the packages and modules of the library with what they say about themselves, as its layers lie."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for name in [name.strip() for layer in contracts[0]["layers"] for name in layer.split("|")]:
        path = project / LIBRARY / name
        text = (path / "__init__.py" if path.is_dir() else path.with_suffix(".py")).read_text()
        yield code(f"trinity_celery.{name}"), first_sentence(ast.get_docstring(ast.parse(text)) or "")


def _removed() -> Iterator[tuple[str, str]]:
    for feature, paths in REMOVE_UNLESS.items():
        yield NEEDED[feature], listed(paths)


def _variants() -> Iterator[tuple[str, str]]:
    for key, paths in VARIANTS.items():
        for name in dict.fromkeys(split_variant(path)[0] for path in paths):
            yield (
                code(name),
                listed(f"{key}={split_variant(path)[1]}" for path in paths if split_variant(path)[0] == name),
            )


def files(projects: Projects) -> str:
    """Return the page."""
    return page(
        "Files",
        HEAD,
        "## The default project",
        *_sections(projects.default),
        PACKAGES,
        table(("package", "what it is"), _packages(projects.default)),
        ANSWERS,
        table(("there with", "files"), _removed()),
        VARIANT,
        table(("file", "differs by"), _variants()),
    )
