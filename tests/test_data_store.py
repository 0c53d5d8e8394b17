"""The page about adding a data store, followed word for word. PARITY A7."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.commands import PYTHON, run
from tests.conftest import Bake
from tests.matrix import ROOT

PAGE = (ROOT / "docs/how-to/add-a-data-store.md").read_text()
STACKS = {"compose.yaml": "docker/dev/mongo.yaml", "compose.prod.yaml": "docker/prod/mongo.yaml"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\b[^\n]*\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def add_lines(compose_file: Path, addition: str) -> None:
    """Put the lines of the page's excerpt where its headings stand in the file."""
    text = compose_file.read_text()
    include, shared, services = re.split(r"^\n", addition, flags=re.MULTILINE)
    text = text.replace("include:\n", include, 1)
    text = text.replace("x-celery-env: &celery-env\n", shared, 1)
    head, separator, tail = text.rpartition("    depends_on:\n")
    compose_file.write_text(head + separator + services.partition("    depends_on:\n")[2] + tail)


@pytest.mark.docker
def test_page_gives_a_stack_with_the_store_in_it(bake: Bake, tmp_path: Path) -> None:
    project = shutil.copytree(bake(), tmp_path / "trinity")
    dev_file, dev_lines, prod_file, prod_lines = blocks("yaml")
    for (compose_file, server_file), server, lines in zip(
        STACKS.items(), (dev_file, prod_file), (dev_lines, prod_lines), strict=True
    ):
        (project / server_file).write_text(server)
        add_lines(project / compose_file, lines)
    prod_env = project / "envs/prod.env"
    prod_env.write_text(prod_env.read_text() + blocks("ini")[0])
    assert run(["make", f"PYTHON={PYTHON}", "secrets"], project).returncode == 0

    for compose_file, env_file in (("compose.yaml", "envs/dev.env"), ("compose.prod.yaml", ".env.prod")):
        command = ["docker", "compose", "--file", compose_file, "--env-file", env_file, "config", "--format", "json"]
        ended = run(command, project)
        assert ended.returncode == 0, ended.stdout
        services: dict[str, Any] = json.loads(ended.stdout)["services"]
        assert services["mongo"]["image"] == "mongo:8"
        assert "mongo" in services["release"]["depends_on"]
        url = services["celery-atom"]["environment"]["MONGO_URL"]
        password = services["mongo"]["environment"]["MONGO_INITDB_ROOT_PASSWORD"]
        assert url == f"mongodb://root:{password}@mongo:27017/"
        assert "CHANGE_ME" not in password
