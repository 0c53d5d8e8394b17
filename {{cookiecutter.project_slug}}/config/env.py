"""What the environment decides about Django, as one typed object."""

from typing import Annotated, Self

from pydantic import field_validator, model_validator
from pydantic_settings import NoDecode
from trinity_celery.config import DeploymentSettings
from trinity_celery.contrib.django.database_settings import DatabaseUrl

DEVELOPMENT_KEY = "only-for-development-this-key-is-known-to-everybody"


class DjangoSettings(DeploymentSettings):
    """Everything about Django that the environment decides. A field is the variable of the same name, upper-cased."""

    database_url: DatabaseUrl = "sqlite:///db.sqlite3"
    django_secret_key: str = DEVELOPMENT_KEY
    django_allowed_hosts: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1", "localhost")

    @field_validator("django_allowed_hosts", mode="before")
    @classmethod
    def _split_hosts(cls, value: object) -> object:
        return [host.strip() for host in value.split(",")] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _check_secret_key(self) -> Self:
        if not self.is_development and self.django_secret_key == DEVELOPMENT_KEY:
            raise ValueError("DJANGO_SECRET_KEY: is required outside development: set it to a long random text")
        return self
