"""``reference/environment.md``: every environment variable that something in a project reads."""

import re
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from scripts.reference.markdown import code, listed, page, table, with_links
from scripts.reference.projects import LIBRARY, NO_LINE, EnvLine, Field, Projects, env_file, modules, settings_fields

GUIDE_ROW = re.compile(r"^\| (`[A-Z][^|]*`) \| ([^|]*) \| ([^|]+) \|$", re.MULTILINE)
NAME = re.compile(r"`([A-Z][A-Z0-9_]+)`")
READ = re.compile(r"""environ(?:\.get\(|\[)"([A-Z_]+)["]""")
SET = re.compile(r"""environ\.setdefault\("([A-Z_]+)\"""")
SUBSTITUTED = re.compile(r"\$\{([A-Z][A-Z0-9_]*)(?::?-([^}]*))?")
COMPOSE_FILES = ("compose.yaml", "compose.prod.yaml", "docker/images.yaml", "docker/dev/*.yaml", "docker/prod/*.yaml")
QUEUE = "_<QUEUE>"
PER_QUEUE = re.compile(r"(CELERY_WORKER_(?:CONCURRENCY|POOL|PREFETCH_MULTIPLIER))_\w+")

# What no guide speaks of.
KNOWN = {
    "BEAT_SCHEDULE_FILENAME": "the file in which beat keeps its last runs",
    "FORWARDED_ALLOW_IPS": "from whom a web service believes `X-Forwarded-` headers; the Compose files set it",
    "HEALTHCHECK_LOGIN": "the login of Flower's health check; the Compose files set it",
    "RABBITMQ_MANAGEMENT_PORT": "where the management page of the RabbitMQ of `make up` can be reached",
}

# Settings of the library that only some answers use: where the Compose file hands them on.
OF_SOME_ANSWERS = {"BEAT_SCHEDULE_FILENAME"}

HEAD = """\
Every variable that something in a project reads. One that is empty counts as not set. `make setup` copies
`envs/dev.env` to `.env`, which the make targets read; `make secrets` copies `envs/prod.env` to `.env.prod` for
production. [Run it](../guides/run.md#environment-variables) says what becomes of a bad value.

The default is what holds without the variable; what an env file says instead stands behind it.
"""

DEFAULT = """\
## In the default project

A variable goes to every process in containers, unless the last column ends with those that get it. They are called as
in `Procfile` and in the Compose files.
"""

OTHERS = """\
## With other answers

What the other brokers and schedulers add.
"""


class Said(NamedTuple):
    """What the table of a guide says about a variable."""

    default: str = ""
    meaning: str = ""


def _said(project: Path) -> dict[str, Said]:
    """Return what the tables of the guides say about variables."""
    found: dict[str, Said] = {}
    # What is said in several guides is said for all processes in run.md.
    for path in sorted((project / "docs").glob("*.md"), key=lambda path: (path.name != "run.md", path.name)):
        for names, default, meaning in GUIDE_ROW.findall(path.read_text()):
            for name in NAME.findall(names):
                found.setdefault(name, Said(default, with_links(meaning, partial(_from_reference, path.name))))
    return found


def _from_reference(guide: str, address: str) -> str:
    """Return an address that stands in ``guide`` as a page of the reference has to write it."""
    if "://" in address:
        return address
    return f"../guides/{guide if address.startswith('#') else ''}{address}"


def _processes(project: Path) -> dict[str, set[str]]:
    """Return the variables of each process of the Compose file."""
    services: dict[str, Any] = yaml.safe_load((project / "compose.yaml").read_text())["services"]
    return {name: set(service["environment"]) for name, service in services.items() if "healthcheck" in service}


def _substituted(project: Path) -> dict[str, str]:
    """Return what the Compose files take from the environment, each with its default there."""
    found: dict[str, str] = {}
    for pattern in COMPOSE_FILES:
        for path in sorted(project.glob(pattern)):
            for name, default in SUBSTITUTED.findall(path.read_text()):
                found[name] = found.get(name) or default
    return found


def _general(name: str) -> str:
    """Return ``name`` with the name of a queue in it replaced by a placeholder."""
    return PER_QUEUE.sub(rf"\1{QUEUE}", name)


def _read(project: Path) -> set[str]:
    """Return what is read without a settings class, and is not set by the code itself."""
    text = "".join(path.read_text() for path in modules(project, "shared", LIBRARY))
    return set(READ.findall(text)) - set(SET.findall(text))


@dataclass(frozen=True)
class Sources:
    """What says something about the variables of a project.

    Attributes:
        fields: of its settings classes.
        said: what its guides say.
        processes: what each process gets in Compose.
        substituted: what the Compose files take from the environment, with the default there.
        development, production: the env files.
        procfile: the text of ``Procfile``.
        read: what is read without a settings class.
    """

    fields: dict[str, Field]
    said: dict[str, Said]
    processes: dict[str, set[str]]
    substituted: dict[str, str]
    development: dict[str, EnvLine]
    production: dict[str, EnvLine]
    procfile: str
    read: set[str]

    def names(self) -> list[str]:
        """Return the names of all variables."""
        files = self.development.keys() | self.production.keys()
        given = set().union(*self.processes.values())
        fields = {name for name in self.fields if name not in OF_SOME_ANSWERS - given}
        names = {*fields, *files, *self.substituted, *self.read, *given}
        return sorted(set(map(_general, names)))

    def default(self, name: str) -> str:
        """Return what holds without the variable, and what the env files say instead."""
        default = self.fields[name].default if name in self.fields else self.substituted.get(name, "")
        values = {
            "dev.env": self.development.get(name, NO_LINE).value,
            "prod.env": self.production.get(name, NO_LINE).value,
        }
        instead = [f"{file}: {code(value)}" for file, value in values.items() if value not in ("", default)]
        return "; ".join([code(default) or self.said.get(name, Said()).default or "none", *instead])

    def readers(self, name: str) -> str:
        """Return a sentence about who gets the variable; nothing if every process does."""
        found = [process for process, variables in self.processes.items() if name in map(_general, variables)]
        if len(found) == len(self.processes):
            return ""
        if name.endswith(QUEUE):
            return ". For that worker."
        if found:
            return f". For {listed(found)}."
        if f"${name}" in self.procfile or name in self.fields:
            return ". For `Procfile` and Compose."
        return ". For Compose."

    def meaning(self, name: str) -> str:
        """Return what the variable means.

        Raises:
            SystemExit: nothing says it.
        """
        if name.endswith(QUEUE):
            return f"{code(name.removesuffix(QUEUE))} for one worker: the queue's name in capitals, `_` for `-` and `.`"
        comments = (lines[name].comment for lines in (self.development, self.production) if name in lines)
        field = self.fields[name].comment if name in self.fields else ""
        found = next(filter(None, (self.said.get(name, Said()).meaning, KNOWN.get(name), field, *comments)), "")
        if not found:
            raise SystemExit(f"{name}: nothing says what it means: write a comment above it in envs/dev.env")
        return found.rstrip(".")


def sources(project: Path) -> Sources:
    """Read what says something about the variables of a project."""
    return Sources(
        fields=settings_fields(project),
        said=_said(project),
        processes=_processes(project),
        substituted=_substituted(project),
        development=env_file(project / "envs/dev.env"),
        production=env_file(project / "envs/prod.env"),
        procfile=(project / "Procfile").read_text(),
        read=_read(project),
    )


def rows(project: Path) -> dict[str, tuple[str, str, str]]:
    """Return a row for each variable of a project, by name."""
    found = sources(project)
    return {
        name: (code(name), found.default(name), found.meaning(name) + found.readers(name)) for name in found.names()
    }


def environment(projects: Projects) -> str:
    """Return the page."""
    titles = ("variable", "default", "meaning")
    default = rows(projects.default)
    others = [
        f"### `{answer}`\n\n{table(titles, more)}"
        for answer, project in (("broker=rabbitmq", projects.rabbitmq), ("beat_scheduler=file", projects.file))
        if (more := [row for name, row in rows(project).items() if name not in default])
    ]
    return page("Environment variables", HEAD, DEFAULT, table(titles, default.values()), OTHERS, *others)
