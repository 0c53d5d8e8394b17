"""The renderings that the generated pages are about, and what can be learnt by asking their code."""

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Render = Callable[..., Path]

# Where a rendering has the library's modules.
LIBRARY = "packages/trinity-celery/src/trinity_celery"

# What is shown in the place of a value that is not plain data.
EXPRESSION = "an expression"

ASK_SETTINGS = f"""
import json
from datetime import timedelta
from celery import Celery
from celery.app.defaults import DEFAULTS
from shared.celery_settings import configure_celery_app
from shared.queues import PROJECT
from trinity_celery.worker import celery_configuration

def shown(value):
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {{key: shown(each) for key, each in value.items()}}
    if isinstance(value, timedelta):
        return int(value.total_seconds())
    if isinstance(value, (list, tuple)):
        return [shown(each) for each in value] if all(isinstance(each, str) for each in value) else "{EXPRESSION}"
    return value if value is None or isinstance(value, (bool, int, float, str)) else "{EXPRESSION}"

service = PROJECT.services[0]
runtime = configure_celery_app(Celery(PROJECT.name), service.name)
found = {{role: shown(celery_configuration(runtime, service, role)) for role in ("worker", "sender")}}
print(json.dumps({{"default": shown(DEFAULTS), **found}}))
"""

ASK_CONTRACTS = """
import json
from shared import contracts

found = {f'PINGS["{queue}"]': ping for queue, ping in contracts.PINGS.items()}
found |= {name: value for name, value in vars(contracts).items() if isinstance(value, contracts.Contract)}
print(json.dumps([
    {
        "constant": constant,
        "task": contract.name,
        "queue": contract.queue,
        "outbox": contract.outbox,
        "keeps result": contract.keeps_result,
        "payload": contract.payload.model_json_schema(),
    }
    for constant, contract in found.items()
]))
"""


@dataclass(frozen=True)
class Projects:
    """Renderings, each with one answer that is not the default."""

    default: Path
    rabbitmq: Path
    database: Path
    file: Path


def render_all(render: Render) -> Projects:
    """Return the renderings; ``render`` returns the folder of a project with some answers."""
    return Projects(
        default=render(),
        rabbitmq=render(broker="rabbitmq"),
        database=render(beat_scheduler="database"),
        file=render(beat_scheduler="file"),
    )


def ask(project: Path, question: str, **variables: str) -> Any:
    """Return what a script prints as JSON that runs in ``project``, with no variables but these."""
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **variables}
    done = subprocess.run(
        [sys.executable, "-c", question], cwd=project, env=environment, check=True, capture_output=True, text=True
    )
    return json.loads(done.stdout)


def modules(project: Path, *folders: str) -> Iterator[Path]:
    """Yield the modules of some packages."""
    for folder in folders:
        yield from sorted((project / folder).rglob("*.py"))


@dataclass(frozen=True)
class Field:
    """A field of a settings class: an environment variable."""

    default: str
    comment: str


def _default(node: ast.expr, module: ast.Module) -> str:
    if isinstance(node, ast.Call):
        node = next(keyword.value for keyword in node.keywords if keyword.arg == "default")
    if isinstance(node, ast.Name):
        constants = [each for each in module.body if isinstance(each, ast.Assign)]
        node = next(each.value for each in constants if ast.unparse(each.targets[0]) == ast.unparse(node))
    value = ast.literal_eval(node)
    if value is None:
        return ""
    return ",".join(value) if isinstance(value, tuple) else str(value)


def settings_fields(project: Path) -> dict[str, Field]:
    """Return the fields of all settings classes, by the name of the variable."""
    found: dict[str, Field] = {}
    for path in modules(project, f"{LIBRARY}/config", "shared", "config", "app"):
        text = path.read_text()
        module = ast.parse(text)
        for node in module.body:
            if not isinstance(node, ast.ClassDef) or not any("Settings" in ast.unparse(base) for base in node.bases):
                continue
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and field.value and isinstance(field.target, ast.Name):
                    _, _, comment = text.splitlines()[field.lineno - 1].partition("  # ")
                    found.setdefault(field.target.id.upper(), Field(_default(field.value, module), comment))
    return found


@dataclass(frozen=True)
class EnvLine:
    """A line of an env file, and the comment above its block."""

    value: str
    comment: str


NO_LINE = EnvLine("", "")


def env_file(path: Path) -> dict[str, EnvLine]:
    """Return the variables of an env file by name."""
    found = {}
    comment: list[str] = []
    above = ""
    for line in path.read_text().splitlines():
        if line.startswith("#"):
            comment = [*comment, line.removeprefix("# ")] if above.startswith("#") else [line.removeprefix("# ")]
        elif named := re.match(r"([A-Z][A-Z0-9_]*)=(.*)", line):
            found[named[1]] = EnvLine(named[2], " ".join(comment))
        else:
            comment = []
        above = line
    return found
