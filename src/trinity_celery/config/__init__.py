"""What a project consists of, and what the environment says about it."""

from trinity_celery.config.beat_settings import BeatSettings
from trinity_celery.config.environment import DeploymentSettings, load
from trinity_celery.config.project import Project, Queue, Service
from trinity_celery.config.redaction import redact, redact_text
from trinity_celery.config.runtime import Runtime, load_runtime, runtime_of
from trinity_celery.config.settings import CelerySettings

__all__ = [
    "BeatSettings",
    "CelerySettings",
    "DeploymentSettings",
    "Project",
    "Queue",
    "Runtime",
    "Service",
    "load",
    "load_runtime",
    "redact",
    "redact_text",
    "runtime_of",
]
