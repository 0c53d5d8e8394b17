"""What the environment decides about Celery, as one typed object."""

import os
import ssl
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import (
    Field,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import NoDecode

from trinity_celery.config.environment import DeploymentSettings, load
from trinity_celery.config.project import Project, Queue, Service
from trinity_celery.config.redaction import check_name
from trinity_celery.config.urls import find_redis_url_problem, find_url_problem

Role = Literal["sender", "worker"]
Configuration = dict[str, Any]  # Celery's, by the names of its settings
Loglevel = Literal["debug", "info", "warning", "error", "critical"]
Pool = Literal["prefork", "threads", "gevent", "solo"]

SHORTEST_LEASE = 2  # seconds
LONGEST_TIME = 10**9  # seconds, some thirty years: servers refuse much longer ones only when they are used

Seconds = Annotated[float, Field(ge=0, le=LONGEST_TIME)]
WholeSeconds = Annotated[int, Field(gt=0, le=LONGEST_TIME)]
Count = Annotated[int, Field(gt=0, le=10**9)]  # what Redis and C can hold

# Read by `trinity worker` for one queue, before the variable without the queue's name.
PER_QUEUE = ("CELERY_WORKER_CONCURRENCY", "CELERY_WORKER_POOL", "CELERY_WORKER_PREFETCH_MULTIPLIER")


class CelerySettings(DeploymentSettings):
    """Everything about Celery that the environment decides. A field is the variable of the same name, upper-cased."""

    redis_url: str = "redis://127.0.0.1:6379/0"
    celery_broker_url: str = ""
    celery_result_backend: str = ""
    celery_task_default_queue: str = ""
    celery_worker_concurrency: Count | Literal["auto"] = "auto"
    celery_worker_pool: Pool = "prefork"
    celery_worker_prefetch_multiplier: Count = 1
    celery_worker_max_tasks_per_child: Count = 1000
    celery_worker_max_memory_per_child: Count = 400_000  # KiB
    celery_worker_soft_shutdown_timeout: Seconds = 20
    celery_worker_loglevel: Loglevel = "info"
    celery_task_soft_time_limit: WholeSeconds = 540
    celery_task_time_limit: WholeSeconds = 600
    redis_server_checks: bool = True  # look at eviction, persistence, memory and version of Redis servers
    celery_broker_lease: Seconds = 10  # 0: kombu's own transport, see trinity_celery/brokers/redis/leases.py
    celery_broker_visibility_timeout: WholeSeconds = 3600
    celery_result_expires: WholeSeconds = 86_400
    celery_queue_limit: Count | Literal[0] = 100_000  # tasks that may wait in a queue; 0: no limit
    celery_message_size_limit: Count = 262_144  # bytes
    dead_letters_limit: Count = 10_000
    tls_ca_file: Path | None = None  # PEM; empty: the certificate authorities that this machine trusts
    heartbeat_file: Path | None = None  # where a process without an address says that it is well; empty: nowhere
    redacted_names: Annotated[tuple[str, ...], NoDecode] = ()  # whose values are secret, besides those of redaction.py

    @field_validator("redis_url", "celery_broker_url", "celery_result_backend")
    @classmethod
    def _check_url(cls, url: str, field: ValidationInfo) -> str:
        # What else a broker may be, trinity_celery/worker/celery_settings.py says.
        is_redis = field.field_name != "celery_broker_url" or url.startswith("redis")
        problem = find_redis_url_problem(url) if is_redis else find_url_problem(url)
        if url and problem:
            raise ValueError(problem)
        return url

    @field_validator("tls_ca_file")
    @classmethod
    def _check_ca_file(cls, file: Path | None) -> Path | None:
        if file is not None:
            try:
                ssl.create_default_context(cafile=file)
            except OSError as error:  # which ssl.SSLError is, too
                raise ValueError(f"{str(file)!r} holds no certificate in PEM form: {error.strerror or error}") from None
        return file

    @field_validator("redacted_names", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        names = [name.strip() for name in value.split(",") if name.strip()]
        for name in names:
            check_name(name)
        return names

    @model_validator(mode="after")
    def _check_limits(self) -> Self:
        if self.celery_task_soft_time_limit >= self.celery_task_time_limit:
            raise ValueError(
                f"CELERY_TASK_SOFT_TIME_LIMIT: {self.celery_task_soft_time_limit} s leaves a task no time to clean up: "
                f"it must be below CELERY_TASK_TIME_LIMIT ({self.celery_task_time_limit} s)"
            )
        if 0 < self.celery_broker_lease < SHORTEST_LEASE:
            raise ValueError(
                f"CELERY_BROKER_LEASE: {self.celery_broker_lease} s is so short that a slow worker's tasks would "
                f"run twice: it must be at least {SHORTEST_LEASE} s, or 0 to do without leases"
            )
        # Without leases, a task that runs longer than its message stays invisible is delivered a second time.
        # https://docs.celeryq.dev/en/stable/getting-started/backends-and-brokers/redis.html#visibility-timeout
        if not self.celery_broker_lease and self.celery_broker_visibility_timeout <= self.celery_task_time_limit:
            raise ValueError(
                f"CELERY_BROKER_VISIBILITY_TIMEOUT: {self.celery_broker_visibility_timeout} s would run a long task "
                f"twice: it must exceed CELERY_TASK_TIME_LIMIT ({self.celery_task_time_limit} s)"
            )
        return self

    @model_validator(mode="after")
    def _check_passwords(self) -> Self:
        """Whoever reaches a server without a password there may read every task and start any."""
        for name in ("redis_url", "celery_broker_url", "celery_result_backend"):
            url = urlsplit(getattr(self, name))
            if url.scheme and not url.password and not self.is_development:
                raise ValueError(
                    f"{name.upper()}: holds no password, which is required outside development: "
                    f"write {url.scheme}://NAME:PASSWORD@{url.hostname or 'HOST'}"
                )
        return self

    @property
    def broker_url(self) -> str:
        """The broker: ``CELERY_BROKER_URL``, else ``REDIS_URL``."""
        return self.celery_broker_url or self.redis_url

    @property
    def broker_variable(self) -> str:
        """The variable that names the broker."""
        return "CELERY_BROKER_URL" if self.celery_broker_url else "REDIS_URL"

    @property
    def result_backend(self) -> str:
        """Where results are kept: ``CELERY_RESULT_BACKEND``, else ``REDIS_URL``."""
        return self.celery_result_backend or self.redis_url

    @property
    def result_backend_variable(self) -> str:
        """The variable that names the result backend."""
        return "CELERY_RESULT_BACKEND" if self.celery_result_backend else "REDIS_URL"

    @property
    def redis_servers(self) -> dict[str, str]:
        """The URL of each Redis or Valkey server that this project uses, by the first variable that names it."""
        found: dict[str, str] = {}
        for name in ("redis_url", "celery_broker_url", "celery_result_backend"):
            url = getattr(self, name)
            if url.startswith("redis") and url not in found.values():
                found[name.upper()] = url
        return found

    @property
    def ca_file(self) -> str | None:
        """The file of the private certificate authority, or ``None`` where the machine's own are meant."""
        return str(self.tls_ca_file) if self.tls_ca_file else None

    def find_problem(self, project: Project) -> str | None:
        """Return in one line what does not fit ``project``, or ``None``.

        Args:
            project: whose settings these are.
        """
        try:
            if self.celery_task_default_queue:
                project.find_queue(self.celery_task_default_queue)
        except LookupError as error:
            return f"CELERY_TASK_DEFAULT_QUEUE: {error}"
        return None

    def default_queue(self, service: Service) -> str:
        """Return where a task goes that no route names: ``CELERY_TASK_DEFAULT_QUEUE``, else the service's own default.

        Args:
            service: which sends the task.
        """
        return self.celery_task_default_queue or service.default_queue


def worker_settings(queue: Queue) -> CelerySettings:
    """Return what the environment says for the worker of ``queue``: for each name in ``PER_QUEUE``, that queue's first.

    Raises:
        SystemExit: a variable has a bad value.
    """
    fields: dict[str, Any] = {}
    for name in PER_QUEUE:
        inherited = CelerySettings.model_fields[name.lower()]
        own = f"{name}_{queue.identifier.upper()}"
        # Not a choice of aliases: what is wrong would be said of the first.
        alias = own if os.environ.get(own) else name
        fields[name.lower()] = (inherited.annotation, Field(inherited.default, validation_alias=alias))
    return load(create_model("WorkerSettings", __base__=CelerySettings, **fields))
