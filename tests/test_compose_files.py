"""The Compose files of every rendering: valid, complete, and closed to the outside."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema.builtin_schemas import get_builtin_schema
from jsonschema import Draft7Validator

from tests.commands import run, tool
from tests.conftest import Bake
from tests.matrix import Answers, renderings

RENDERINGS = [pytest.param(answers, id=name) for name, answers in renderings()]
STACKS = {"compose.yaml": "docker/dev", "compose.prod.yaml": "docker/prod"}


@pytest.fixture(params=RENDERINGS)
def project(request: pytest.FixtureRequest, bake: Bake) -> Path:
    """Each rendering in turn."""
    answers: Answers = request.param
    return bake(**answers)


def load(path: Path) -> dict[str, Any]:
    return dict(yaml.safe_load(path.read_text()))


def compose_files(project: Path) -> list[Path]:
    return [*project.glob("compose*.yaml"), *project.glob("docker/**/*.yaml")]


def test_files_follow_the_schema_of_compose(project: Path) -> None:
    validator = Draft7Validator(get_builtin_schema("vendor.compose-spec"))
    for path in compose_files(project):
        assert [error.message for error in validator.iter_errors(load(path))] == [], path


def test_what_is_included_is_there_and_all_of_it_is_included(project: Path) -> None:
    for file, folder in STACKS.items():
        included = load(project / file)["include"]
        assert sorted(included) == sorted(f"{folder}/{path.name}" for path in (project / folder).iterdir())


@pytest.mark.parametrize("file", STACKS)
def test_processes_are_those_of_the_procfile(file: str, project: Path) -> None:
    commands = dict(line.split(": ", 1) for line in (project / "Procfile").read_text().splitlines())
    services = {name for name in load(project / file)["services"] if name not in ("release", "check-settings")}
    assert services == set(commands) - {"release"}


@pytest.mark.parametrize("file", STACKS)
def test_every_process_gets_the_shared_variables_from_one_anchor(file: str, project: Path) -> None:
    """PARITY A4."""
    text = (project / file).read_text()
    shared = load(project / file)["x-celery-env"]
    services = load(project / file)["services"]
    for name, service in services.items():
        assert shared.items() <= service["environment"].items(), name
    uses = len(re.findall(r"^      <<: \*celery-env$", text, re.MULTILINE)) + text.count("environment: *release-env")
    assert uses == len(services)


@pytest.mark.parametrize("file", STACKS)
def test_env_files_hold_every_variable_without_a_default(file: str, project: Path) -> None:
    """PARITY A4: what Compose asks for stands in both env files."""
    sources = [project / file, *(project / STACKS[file]).iterdir()]
    required = {name for path in sources for name in re.findall(r"\$\{(\w+):\?", path.read_text())}
    for env_file in ("envs/dev.env", "envs/prod.env"):
        names = set(re.findall(r"^(\w+)=", (project / env_file).read_text(), re.MULTILINE))
        assert required <= names, env_file


def test_every_variable_of_the_env_files_reaches_the_processes(project: Path) -> None:
    """PARITY A4: dev.env, prod.env and both Compose files carry the same variables."""
    names = set(re.findall(r"^(\w+)=", (project / "envs/prod.env").read_text(), re.MULTILINE))
    for file, folder in STACKS.items():
        text = "".join(path.read_text() for path in [project / file, *(project / folder).iterdir()])
        # In development, images are built and not named by anybody.
        elsewhere = {"IMAGE", "IMAGE_TAG"} if file == "compose.yaml" else set()
        assert {name for name in names - elsewhere if not re.search(rf"\b{name}\b", text)} == set(), file


@pytest.mark.parametrize("file", STACKS)
def test_ports_are_published_on_this_machine_only(file: str, project: Path) -> None:
    for path in [project / file, *(project / STACKS[file]).iterdir()]:
        for name, service in load(path).get("services", {}).items():
            for port in service.get("ports", []):
                assert re.fullmatch(r"127\.0\.0\.1:\$\{[A-Z_]+_PORT:-\d+\}:\d+", port), name


def test_servers_of_production_publish_nothing(project: Path) -> None:
    for path in (project / "docker/prod").iterdir():
        for name, service in load(path).get("services", {}).items():
            assert "ports" not in service, name


def test_production_is_hardened(project: Path) -> None:
    services = load(project / "compose.prod.yaml")["services"]
    for path in (project / "docker/prod").iterdir():
        services |= load(path).get("services", {})
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name
        assert {"max-size", "max-file"} <= set(service["logging"]["options"]), name
        assert "build" not in service, name
        assert not [volume for volume in service.get("volumes", []) if volume.startswith((".", "/"))], name
        if name not in ("release", "app-tables", "check-settings"):
            assert service["restart"] == "unless-stopped", name
            assert service["deploy"]["resources"]["limits"]["memory"], name
            assert service["healthcheck"]["test"], name


def test_images_of_production_are_those_that_get_built(project: Path) -> None:
    """PARITY D3."""
    built = {service["image"] for service in load(project / "docker/images.yaml")["services"].values()}
    run_there = {service["image"] for service in load(project / "compose.prod.yaml")["services"].values()}

    def kinds(images: set[str]) -> set[str]:
        return {re.sub(r"\$\{[^}]*\}", "", image) for image in images}

    assert kinds(built) == kinds(run_there)
    assert all(image.startswith("${IMAGE:?") and "${IMAGE_TAG:?" in image for image in run_there)


def test_workers_have_time_to_stop(project: Path) -> None:
    """A container that is killed before the soft shutdown ends would lose what its worker still does."""
    soft = re.search(r"^CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT=(\d+)$", (project / "envs/prod.env").read_text(), re.M)
    process = load(project / "compose.prod.yaml")["x-process"]
    grace = re.fullmatch(r"\$\{STOP_GRACE_PERIOD:-(\d+)s\}", process["stop_grace_period"])
    assert soft
    assert grace
    assert int(grace[1]) >= int(soft[1]) + 10


def shell_scripts(service: dict[str, Any]) -> Iterator[str]:
    """Yield what a service has a shell run; Compose makes one dollar sign of two."""
    command, check = service.get("command", ""), service.get("healthcheck", {}).get("test", "")
    if isinstance(command, list) and command[:2] == ["sh", "-c"]:
        yield command[2].replace("$$", "$")
    elif isinstance(command, str) and command.startswith("sh -c "):
        yield shlex.split(command)[2]
    if isinstance(check, list) and check[0] == "CMD-SHELL":
        yield check[1].replace("$$", "$")


def test_shell_in_the_files_passes_the_linter(project: Path) -> None:
    scripts = [
        script
        for path in compose_files(project)
        for service in load(path).get("services", {}).values()
        for script in shell_scripts(service)
    ]
    assert len(scripts) >= 3
    for script in dict.fromkeys(scripts):
        command = [tool("shellcheck"), "--shell", "sh", "-"]
        ended = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, ended.stdout


@pytest.mark.docker
def test_compose_accepts_both_files(project: Path, tmp_path: Path) -> None:
    secrets = tmp_path / ".env.prod"
    secrets.write_text((project / "envs/prod.env").read_text())
    for arguments in (
        ["--file", "compose.yaml", "--env-file", "envs/dev.env"],
        ["--file", "compose.prod.yaml", "--env-file", str(secrets)],
        ["--file", "docker/images.yaml"],
    ):
        ended = run(["docker", "compose", *arguments, "config", "--format", "json"], project)
        assert ended.returncode == 0, ended.stdout
        assert json.loads(ended.stdout)["services"]


@pytest.mark.docker
@pytest.mark.parametrize("name", ["REDIS_PASSWORD", "REDIS_URL", "DJANGO_SECRET_KEY", "FLOWER_BASIC_AUTH", "IMAGE"])
def test_missing_secret_is_named(name: str, bake: Bake, tmp_path: Path) -> None:
    """PARITY A6."""
    project = bake()
    lines = (project / "envs/prod.env").read_text().splitlines()
    (tmp_path / "env").write_text("\n".join(line for line in lines if not line.startswith(f"{name}=")))
    command = ["docker", "compose", "--file", "compose.prod.yaml", "--env-file", str(tmp_path / "env"), "config"]
    ended = run(command, project)
    assert ended.returncode != 0
    assert len(ended.stdout.splitlines()) == 1 or "level=warning" in ended.stdout
    assert re.search(rf"required variable {name} is missing a value: .*(make secrets|\.env\.prod)", ended.stdout)


@pytest.mark.docker
@pytest.mark.parametrize("file", STACKS)
def test_one_line_moves_every_process_to_another_broker(file: str, bake: Bake, tmp_path: Path) -> None:
    """PARITY A4: the broker's address stands in one place."""
    project = bake(broker="rabbitmq", queues="platform:django, atom:fastapi, common")
    source = (project / file).read_text()
    moved, count = re.subn(r"^  CELERY_BROKER_URL:.*$", "  CELERY_BROKER_URL: amqp://elsewhere", source, flags=re.M)
    assert count == 1
    (tmp_path / "moved.yaml").write_text(moved)
    env_file = "envs/prod.env" if "prod" in file else "envs/dev.env"
    command = ["docker", "compose", "--project-directory", str(project), "--file", str(tmp_path / "moved.yaml")]
    ended = run([*command, "--env-file", env_file, "config", "--format", "json"], project)
    assert ended.returncode == 0, ended.stdout
    services = json.loads(ended.stdout)["services"]
    processes = {name: service for name, service in services.items() if "REDIS_URL" in service["environment"]}
    assert len(processes) >= 7
    assert {service["environment"]["CELERY_BROKER_URL"] for service in processes.values()} == {"amqp://elsewhere"}
