"""Whatever is named in one place exists in the other. A failure names the culprit."""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings
from trinity_celery.config.runtime import known_variables

from devtools.stack import ROOT
from shared.queues import PROJECT
from tests.conftest import project_contracts

LIST_TASKS = """
import inspect, json, sys
from importlib import import_module
app = import_module(sys.argv[1]).celery_app
app.loader.import_default_modules()
app.finalize()
print(json.dumps({name: list(inspect.signature(task.run).parameters) for name, task in app.tasks.items()}))
"""


@cache
def registered_tasks(worker_app: str) -> dict[str, list[str]]:
    """Return the tasks that a worker of this app would register, with their parameters.

    In a process of its own, because an app must not know a task only because a test imported it.
    """
    command = [sys.executable, "-c", LIST_TASKS, worker_app]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    # Such as a task that Celery cannot run.
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def worker_app_of(queue: str) -> str:
    return next(candidate.worker_app for candidate in PROJECT.queues if candidate.name == queue)


@pytest.mark.parametrize("contract", project_contracts(), ids=lambda contract: f"{contract.name}-{contract.queue}")
def test_contract_is_kept_by_the_worker_of_its_queue(contract) -> None:  # type: ignore[no-untyped-def]
    tasks = registered_tasks(worker_app_of(contract.queue))
    assert contract.name in tasks, f"{contract.name}: the worker of {contract.queue} does not register it"
    parameters = [name for name in tasks[contract.name] if name != "self"]
    assert parameters == list(contract.payload.model_fields), f"{contract.name}: takes other arguments than its payload"


@pytest.mark.parametrize("file", ["Procfile", "compose.yaml", "compose.prod.yaml"])
def test_every_queue_has_one_worker(file: str) -> None:
    consumed = re.findall(r"trinity worker ([\w.-]+)", (ROOT / file).read_text())
    assert consumed == PROJECT.queue_names(), f"the workers in {file} and shared/queues.py disagree"


def test_every_route_names_a_declared_queue() -> None:
    for pattern, route in PROJECT.task_routes().items():
        assert route["queue"] in PROJECT.queue_names(), f"route {pattern}: there is no queue {route['queue']}"


def test_every_task_has_a_route_to_a_worker_that_registers_it() -> None:
    for service in PROJECT.services:
        own = [name for name in registered_tasks(service.celery_app) if name.startswith(f"{service.package}.")]
        assert own
        for name in own:
            pattern = next(
                pattern for pattern in PROJECT.task_routes() if re.fullmatch(pattern.replace("*", ".*"), name)
            )
            queue = PROJECT.task_routes()[pattern]["queue"]
            assert name in registered_tasks(worker_app_of(queue)), f"{name}: the worker of {queue} does not register it"


def test_tasks_are_thin() -> None:
    """A task checks its arguments, calls services and returns: what branches or loops belongs into a service."""
    for service in PROJECT.services:
        for file in (ROOT / service.package).glob("*/tasks.py"):
            functions = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.FunctionDef)]
            for function in functions:
                thick = [
                    node for node in ast.walk(function) if isinstance(node, ast.For | ast.If | ast.Try | ast.While)
                ]
                assert not thick, f"{file.relative_to(ROOT)}: {function.name} does more than call a service"


def variables_in(file: Path) -> list[str]:
    return re.findall(r"^([A-Z][A-Z0-9_]*)=", file.read_text(), re.MULTILINE)


def compose_files() -> list[Path]:
    return [*ROOT.glob("compose*.yaml"), *ROOT.glob("docker/**/*.yaml")]


def settings_classes(parent: type[BaseSettings] = BaseSettings) -> Iterator[type[BaseSettings]]:
    for child in parent.__subclasses__():
        yield child
        yield from settings_classes(child)


def test_both_env_files_hold_the_same_variables() -> None:
    assert sorted(variables_in(ROOT / "envs/dev.env")) == sorted(variables_in(ROOT / "envs/prod.env"))


def test_every_variable_in_the_env_files_is_read() -> None:
    read = known_variables(PROJECT)
    for source in [*ROOT.glob("*/**/*.py"), ROOT / "Procfile", ROOT / "Makefile", *compose_files()]:
        if not {"tests", ".venv"} & set(source.relative_to(ROOT).parts):
            text = source.read_text()
            # Settings fields are variables in lower case; shell commands name them with a dollar sign.
            read |= {name.upper() for name in re.findall(r"^    ([a-z_]+): .*=", text, re.MULTILINE)}
            read |= set(re.findall(r"\$[${]?([A-Z_]+)", text))
    for name in variables_in(ROOT / "envs/dev.env"):
        assert name in read, f"{name} stands in envs/dev.env, and nothing reads it"


@pytest.mark.parametrize("file", ["compose.yaml", "compose.prod.yaml"])
def test_every_setting_reaches_the_containers(file: str) -> None:
    passed = set(re.findall(r'^ +"?([A-Z_]+)"?:', (ROOT / file).read_text(), re.MULTILINE))
    for name in known_variables(PROJECT):
        assert name in passed, f"{name}: no container gets this variable, add it to {file}"


def test_every_settings_class_ignores_empty_variables() -> None:
    for settings in settings_classes():
        if not settings.__module__.startswith("pydantic_settings"):
            assert settings.model_config["env_ignore_empty"], f"{settings.__name__}: set model_config = MODEL_CONFIG"


def test_the_makefile_knows_every_queue() -> None:
    names = re.search(r"^QUEUES := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert names and names[1].split() == PROJECT.queue_names()
