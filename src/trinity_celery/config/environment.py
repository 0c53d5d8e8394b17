"""Environment variables to typed settings; a bad value stops the process with one line that names the variable."""

import difflib
import os
from collections.abc import Iterable
from typing import Literal, TypeVar

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

Settings = TypeVar("Settings", bound=BaseSettings)

PLACEHOLDER = "CHANGE_ME"

# An empty variable counts as unset: env files list every name, also those that keep their default.
MODEL_CONFIG = SettingsConfigDict(env_ignore_empty=True, extra="ignore", frozen=True)


class DeploymentSettings(BaseSettings):
    """Where this process runs, by ``ENVIRONMENT``. Outside development, guards are on that a laptop does without."""

    model_config = MODEL_CONFIG

    environment: Literal["development", "production"] = "development"

    @property
    def is_development(self) -> bool:
        """Whether this is somebody's own machine."""
        return self.environment == "development"


def load(settings: type[Settings]) -> Settings:
    """Read ``settings`` from the environment.

    Args:
        settings: a class of ``pydantic_settings``, each field of which is the variable of the same name, upper-cased.

    Returns:
        an instance with the values found, or with their defaults.

    Raises:
        SystemExit: a value is wrong or still a placeholder; one line for each names the variable. The value itself
            is not printed, since it may be a secret.
    """
    try:
        values = settings()
    except ValidationError as error:
        raise SystemExit("\n".join(_describe(error))) from None
    for name in settings.model_fields:
        if PLACEHOLDER in str(getattr(values, name)):
            raise SystemExit(f"{name.upper()}: still holds {PLACEHOLDER}: put the real value there")
    return values


def _describe(error: ValidationError) -> list[str]:
    """Return one line for each variable, however many of the types it may have it does not fit."""
    problems: dict[str, list[str]] = {}
    for problem in error.errors():
        name = str(problem["loc"][0]).upper() if problem["loc"] else ""
        problems.setdefault(name, []).append(problem["msg"].removeprefix("Value error, "))
    # What concerns several variables has no place of its own, and names them in its message.
    return [f"{name}: {'; '.join(messages)}" if name else "; ".join(messages) for name, messages in problems.items()]


def unread_variables(prefix: str, known: Iterable[str], environment: Iterable[str] = os.environ) -> list[str]:
    """Return a line for each variable beginning with ``prefix`` that nothing reads, with the nearest known name."""
    names = sorted(known)
    lines = []
    for name in sorted(environment):
        if name.startswith(prefix) and name not in names:
            nearest = difflib.get_close_matches(name, names, n=1)
            lines.append(
                f"{name}: nothing in this project reads this variable"
                + (f"; did you mean {nearest[0]}?" if nearest else "")
            )
    return lines
