"""Start Flower, the web page that shows workers and tasks: ``python -m shared.commands.flower``."""

from pydantic import PositiveInt, model_validator

from shared.commands import run_celery
from shared.environment import DeploymentSettings, load


class FlowerSettings(DeploymentSettings):
    """What the environment decides about Flower. Flower reads its other options, ``FLOWER_*``, by itself."""

    flower_address: str = "127.0.0.1"
    flower_port: PositiveInt = 5555
    flower_basic_auth: str = ""  # name:password, several separated by commas

    @model_validator(mode="after")
    def _check_login(self) -> "FlowerSettings":
        # Without a login anybody who reaches the page reads the arguments of every task.
        if not self.is_development and ":" not in self.flower_basic_auth:
            raise ValueError("FLOWER_BASIC_AUTH: is required outside development: set it to name:password")
        return self


def main() -> None:
    """Replace this process by Flower.

    Raises:
        SystemExit: outside development without a login.
    """
    settings = load(FlowerSettings)
    arguments = ["-A", "shared.commands.flower_app", "flower", f"--port={settings.flower_port}"]
    run_celery([*arguments, f"--address={settings.flower_address}"])


if __name__ == "__main__":
    main()
