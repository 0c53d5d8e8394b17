"""``reference/celery-settings.md``: what projects tell Celery, and why."""

import ast
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.reference.markdown import code, page, table
from scripts.reference.projects import ASK_SETTINGS, EXPRESSION, LIBRARY, Projects, ask, settings_fields

CELERY = "https://docs.celeryq.dev/en/stable/userguide/configuration.html#std-setting-"
WITHOUT_A_PLACE = {"broker_transport"}  # on that page
REDBEAT = "https://redbeat.readthedocs.io/en/latest/config.html"

HEAD = """\
What the library sets, module by module, with the reasons that stand beside the settings there. Where a worker has more
patience than whoever sends a task, both values are shown; the default is Celery's own. A value that is an expression is
worked out when a process starts.
[The shared configuration](../explanation/shared-configuration.md) says how both services come by the same
settings, and [Environment variables](environment.md) what can be changed without a change of code.
"""


@dataclass(frozen=True)
class Entry:
    """A key of a configuration in the code: what its value is there, and why."""

    value: str
    why: str
    field: str


Entries = dict[tuple[str, ...], Entry]


@dataclass(frozen=True)
class Section:
    """A module that sets something, and the project and broker that show what.

    Attributes:
        title: the heading.
        project: a rendering in which it does.
        module: its name.
        broker: the URL of the broker, unless it is the default.
        functions: those whose settings are shown; empty: all.
    """

    title: str
    project: Path
    module: str
    broker: str = ""
    functions: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """Where the module lies."""
        return self.project / LIBRARY / Path(*self.module.split(".")[1:]).with_suffix(".py")


def _comment(lines: list[str], line: int) -> str:
    """Return the comment that ends above a line, with its addresses as links."""
    found: list[str] = []
    while (above := lines[line - 2].strip()).startswith("# "):
        found.insert(0, above.removeprefix("# "))
        line -= 1
    return re.sub(r" ?(https://\S+)", r" ([source](\1))", " ".join(found)).strip()


def _entries(node: ast.Dict, lines: list[str], above: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Entry]]:
    for key, value in zip(node.keys, node.values, strict=True):
        if isinstance(key, ast.Constant):
            name = (*above, str(key.value))
            source = ast.unparse(value)
            field = re.search(r"(?:settings|load\(\w+\))\.(\w+)", source)
            yield name, Entry(source, _comment(lines, key.lineno), field[1] if field else "")
            if isinstance(value, ast.Dict):
                yield from _entries(value, lines, name)


def _dictionaries(node: ast.AST) -> Iterator[ast.Dict]:
    """Yield the outermost dictionaries below ``node``."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Dict):
            yield child
        else:
            yield from _dictionaries(child)


def entries(module: Path, names: Collection[str] = ()) -> Entries:
    """Return the keys of the dictionaries in a module, in the order in which they stand there.

    Args:
        module: its file.
        names: the functions and methods to look into; empty: all.
    """
    text = module.read_text()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return {
        name: entry
        for function in functions
        if not names or function.name in names
        for dictionary in _dictionaries(function)
        for name, entry in _entries(dictionary, text.splitlines(), ())
    }


def _variable(field: str, known: set[str]) -> str:
    """Return the variable that decides about a setting, for a field or a property of the settings."""
    candidates = (field, f"celery_{field}", f"celery_task_{field}")
    return next((name.upper() for name in candidates if name.upper() in known), "")


def _entry(name: tuple[str, ...], written: Entries) -> Entry | None:
    """Return what the code says about a setting; a nested one may stand in a dictionary of its own."""
    return written.get(name) or (written.get(name[-1:]) if len(name) > 1 else None)


def flat(configuration: dict[str, Any], written: Entries) -> dict[tuple[str, ...], Any]:
    """Return the settings that stand in ``written``; those of a nested dictionary one by one if one has a reason."""
    found: dict[tuple[str, ...], Any] = {}
    for key, value in configuration.items():
        below: dict[tuple[str, ...], Any] = (
            {(key, name): each for name, each in value.items()} if isinstance(value, dict) else {}
        )
        if any(entry.why for name in below if (entry := _entry(name, written))):
            found |= below
        elif (key,) in written:
            found[key,] = value
    return found


def _is_plain(value: Any) -> bool:
    return all(map(_is_plain, value.values())) if isinstance(value, dict) else value != EXPRESSION


def _shown(value: Any, source: str) -> str:
    return code(repr(value) if _is_plain(value) else source)


def _value(name: tuple[str, ...], configurations: dict[str, dict[tuple[str, ...], Any]], source: str) -> str:
    values = {role: _shown(found[name], source) for role, found in configurations.items() if name in found}
    if len(values) > 1 and len(set(values.values())) == 1:
        return values["worker"]
    return "; ".join(f"{role}: {value}" for role, value in values.items())


def _default(name: tuple[str, ...], defaults: dict[str, Any]) -> str:
    """Return what Celery does by itself, if it says so."""
    return f" (default {code(repr(defaults[name[0]]))})" if len(name) == 1 and name[0] in defaults else ""


def _link(name: tuple[str, ...]) -> str:
    if len(name) > 1:
        return f"{code(name[0])}: {code(name[1])}"
    if name[0] in WITHOUT_A_PLACE:
        return code(name[0])
    return f"[{code(name[0])}]({REDBEAT if name[0].startswith('redbeat_') else CELERY + name[0]})"


def _rows(section: Section) -> Iterator[tuple[str, str, str]]:
    asked = ask(section.project, ASK_SETTINGS, **({"CELERY_BROKER_URL": section.broker} if section.broker else {}))
    written = entries(section.path, section.functions)
    configurations = {role: flat(asked[role], written) for role in ("worker", "sender")}
    known = set(settings_fields(section.project))
    for name in configurations["worker"] | configurations["sender"]:
        entry = _entry(name, written) or Entry("", "", "")
        variable = _variable(entry.field or name[-1], known)
        why = " ".join(filter(None, (entry.why, f"`{variable}` sets it." if variable else "")))
        value = _value(name, configurations, entry.value)
        yield _link(name), f"{value}{_default(name, asked['default'])}", why


def _section(section: Section) -> str:
    return f"## {section.title}\n\n`{section.module}`\n\n{table(('setting', 'value', 'why'), _rows(section))}"


def celery_settings(projects: Projects) -> str:
    """Return the page."""
    beat = "trinity_celery.beat.configuration"
    rabbitmq = "trinity_celery.brokers.rabbitmq.broker"
    sections = (
        Section("All projects", projects.default, "trinity_celery.worker.celery_settings"),
        Section("Redis or Valkey as the broker", projects.default, "trinity_celery.brokers.redis.broker"),
        Section("RabbitMQ as the broker", projects.rabbitmq, rabbitmq, "amqp://127.0.0.1"),
        Section("All schedulers", projects.default, beat, functions=("beat_configuration",)),
        Section("RedBeat", projects.default, beat, functions=("_redbeat",)),
        Section("The schedule in the database", projects.database, beat, functions=("_database",)),
        Section("The schedule in a file", projects.file, beat, functions=("_file",)),
    )
    return page("Celery's settings", HEAD, *map(_section, sections))
