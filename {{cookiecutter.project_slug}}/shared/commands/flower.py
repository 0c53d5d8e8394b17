"""Start Flower, the web page that shows workers and tasks: ``python -m shared.commands.flower``."""

import re

from celery import Celery
from pydantic import Field, model_validator
from trinity_celery.config import DeploymentSettings, load
from trinity_celery.health.refusals import refuse_refusing_servers

from shared.celery_settings import configure_celery_app
from shared.commands import run_celery
from shared.queues import PROJECT


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


def main() -> None:
    """Replace this process by Flower.

    Raises:
        SystemExit: outside development without a login, or a server refuses what its URL says.
    """
    settings = load(FlowerSettings)
    app = Celery(PROJECT.name)
    configure_celery_app(app, PROJECT.services[0].name)
    refuse_refusing_servers(app)
    arguments = ["-A", "shared.commands.flower_app", "flower", f"--port={settings.flower_port}"]
    run_celery([*arguments, f"--address={settings.flower_address}"])


if __name__ == "__main__":
    main()
