"""``trinity flower``: run Flower, the web page that shows workers and tasks."""

import re

import click
from pydantic import Field, model_validator

from trinity_celery.cli.app import configured_app
from trinity_celery.cli.processes import run_celery
from trinity_celery.cli.project import find_project
from trinity_celery.config import DeploymentSettings, load
from trinity_celery.health.refusals import refuse_refusing_servers


class FlowerSettings(DeploymentSettings):
    """What the environment decides about Flower. Flower reads its other options, ``FLOWER_*``, by itself."""

    flower_address: str = "127.0.0.1"
    flower_port: int = Field(default=5555, gt=0, lt=2**16)
    flower_basic_auth: str = ""  # name:password, several separated by commas

    @model_validator(mode="after")
    def _check_login(self) -> "FlowerSettings":
        # Without a login anybody who reaches the page reads the arguments of every task.
        if not self.is_development and not self.flower_basic_auth:
            raise ValueError("FLOWER_BASIC_AUTH: is required outside development: set it to name:password")
        if self.flower_basic_auth and not re.fullmatch("[^:,]+:[^,]+(,[^:,]+:[^,]+)*", self.flower_basic_auth):
            raise ValueError("FLOWER_BASIC_AUTH: is no login: set it to name:password; commas separate several")
        return self


@click.command
def flower() -> None:
    """Run Flower, the web page that shows workers and tasks.

    FLOWER_ADDRESS and FLOWER_PORT say where, FLOWER_BASIC_AUTH who may look: name:password, which is required outside
    development. Flower reads its other variables by itself.
    """
    settings = load(FlowerSettings)
    refuse_refusing_servers(configured_app(find_project()))
    arguments = ["-A", "trinity_celery.cli.flower_app", "flower", f"--port={settings.flower_port}"]
    run_celery([*arguments, f"--address={settings.flower_address}"])
