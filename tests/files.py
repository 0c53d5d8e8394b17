"""Reading trees of files: the template's own and what it renders."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.matrix import ROOT

# What tools leave behind when somebody runs them inside of a tree.
CACHES = {"__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", ".venv-newest", "uv.lock"}

# In a rendering, the library stands here: one entry, and no part of what the project's own files are held against.
LIBRARY = Path("packages", "trinity-celery")


class _Loader(yaml.SafeLoader):
    """Reads mkdocs.yml, which names Python functions, without importing them."""


def _python_name(loader: _Loader, suffix: str, node: yaml.Node) -> str:
    return suffix


_Loader.add_multi_constructor("tag:yaml.org,2002:python/name:", _python_name)


def files_below(folder: Path) -> Iterator[Path]:
    """Yield the files below ``folder``, relative to it, but for tools' caches and the library."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        if path.is_file() and not CACHES & set(relative.parts) and not relative.is_relative_to(LIBRARY):
            yield relative


def listing(folder: Path) -> list[str]:
    """Return the names of the files below ``folder``; the library has one, that of its folder."""
    library = [f"{LIBRARY}/"] if (folder / LIBRARY).is_dir() else []
    return sorted([*map(str, files_below(folder)), *library])


def parse(path: Path) -> Any:
    """Return what a file holds, if it is Python, TOML, YAML, JSON or an env file (its names), and else its text.

    Raises:
        ValueError, SyntaxError, yaml.YAMLError: it is no valid file of its kind.
    """
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".py":
        return ast.parse(text, filename=str(path))
    if path.suffix == ".toml":
        return tomllib.loads(text)
    if path.suffix in {".yaml", ".yml"}:
        return list(yaml.load_all(text, Loader=_Loader))
    if path.suffix == ".json":
        return json.loads(text)
    if path.suffix == ".env":
        return _parse_env(text)
    return text


def _parse_env(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    names = [line.partition("=")[0] for line in lines if "=" in line]
    if len(names) != len(lines) or not all(map(str.isidentifier, names)):
        raise ValueError("a line is neither NAME=value nor a comment")
    return names


def is_test(name: str) -> bool:
    """Return whether there is a test of this name: the path of its file, ``::`` and its function."""
    path, _, function = name.partition("::")
    return bool(re.search(rf"^def {function}\(", (ROOT / path).read_text(), re.MULTILINE))
