"""Where the project is about which a command was asked."""

import os
import tomllib
from importlib import import_module
from pathlib import Path

from click import UsageError

from trinity_celery.config import Project

VARIABLE = "TRINITY_PROJECT"
TABLE = "[tool.trinity-celery]"


def _in_pyproject() -> str:
    """Return what the nearest pyproject.toml says, from the working directory upwards."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        file = folder / "pyproject.toml"
        if file.is_file():
            try:
                contents = tomllib.loads(file.read_text(encoding="utf-8"))
            except (OSError, ValueError) as error:
                raise UsageError(f"{file} cannot be read: {error}") from None
            tool = contents.get("tool")
            table = tool.get("trinity-celery", {}) if isinstance(tool, dict) else {}
            if not isinstance(table, dict):
                raise UsageError(f'{file}: trinity-celery below tool is no table: write project = "MODULE:NAME" in it')
            if reference := table.get("project"):
                return str(reference)
    return ""


def find_project() -> Project:
    """Return the project that ``--project``, ``TRINITY_PROJECT`` or the nearest pyproject.toml names.

    Raises:
        click.UsageError: none of them does, or what they name is no project.
    """
    source = f"--project or {VARIABLE}" if os.environ.get(VARIABLE) else f"project in {TABLE} of pyproject.toml"
    reference = os.environ.get(VARIABLE) or _in_pyproject()
    if not reference:
        raise UsageError(
            f"no project is named: pass --project MODULE:NAME, set {VARIABLE}, or write project under {TABLE} in "
            "pyproject.toml"
        )
    module_name, _, name = reference.partition(":")
    # A relative module would be one of this library.
    if not (module_name and name) or module_name.startswith("."):
        raise UsageError(f"{source}: {reference!r} is not MODULE:NAME, such as shared.queues:PROJECT")
    try:
        module = import_module(module_name)
    except ModuleNotFoundError as error:
        # What the module itself imports in vain is its own affair.
        if not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise UsageError(f"{source}: there is no module {error.name!r} in {Path.cwd()} or among the packages") from None
    if not hasattr(module, name):
        raise UsageError(f"{source}: {module_name} has no {name!r}: name its Project of trinity_celery.config")
    project = getattr(module, name)
    if not isinstance(project, Project):
        raise UsageError(f"{source}: {name!r} in {module_name} is not a Project of trinity_celery.config")
    return project
