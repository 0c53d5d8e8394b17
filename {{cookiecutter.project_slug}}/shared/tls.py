"""Encrypted connections to brokers and Redis: certificates are always verified, and so is the host's name.

The clients that Celery uses either verify nothing by default or refuse to begin, so each is told what follows here.
"""

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import field_validator
from pydantic_settings import BaseSettings

from shared.environment import MODEL_CONFIG, load


class TLSSettings(BaseSettings):
    """What the environment decides about encrypted connections."""

    model_config = MODEL_CONFIG

    tls_ca_file: Path | None = None  # PEM; empty: the certificate authorities that this machine trusts

    @field_validator("tls_ca_file")
    @classmethod
    def _check_ca_file(cls, file: Path | None) -> Path | None:
        if file is not None:
            try:
                ssl.create_default_context(cafile=file)
            except OSError as error:  # which ssl.SSLError is, too
                raise ValueError(f"{str(file)!r} holds no certificate in PEM form: {error.strerror or error}") from None
        return file


def ca_file() -> str | None:
    """Return the file of the private certificate authority, or ``None`` where the machine's own are meant."""
    file = load(TLSSettings).tls_ca_file
    return str(file) if file else None


def redis_tls(url: str) -> dict[str, Any]:
    """Return the arguments with which redis-py verifies the server; none unless ``url`` begins with ``rediss``."""
    if urlsplit(url).scheme != "rediss":
        return {}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, "ssl_ca_certs": ca_file()}


def redis_backend_tls(url: str) -> dict[str, Any]:
    """Return the part of Celery's configuration that concerns the connection to the result backend at ``url``."""
    options = redis_tls(url)
    return {"redis_backend_use_ssl": options} if options else {}
