"""Encrypted connections to brokers and Redis: certificates are always verified, and so is the host's name.

The clients that Celery uses either verify nothing by default or refuse to begin, so each is told what follows here.
"""

import ssl
from urllib.parse import urlsplit


def redis_tls(url: str, ca_file: str | None) -> dict[str, object]:
    """Return the arguments with which redis-py verifies the server; none unless ``url`` begins with ``rediss``.

    Args:
        url: of the server.
        ca_file: of a private certificate authority, in PEM form; ``None``: the machine's own are meant.
    """
    if urlsplit(url).scheme != "rediss":
        return {}
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED, "ssl_check_hostname": True, "ssl_ca_certs": ca_file}


def amqp_tls(url: str, ca_file: str | None) -> dict[str, object] | None:
    """Return the arguments with which py-amqp verifies the server; ``None`` unless ``url`` begins with ``amqps``.

    Args:
        url: of the server.
        ca_file: of a private certificate authority, in PEM form; ``None``: the machine's own are meant.
    """
    parts = urlsplit(url)
    if parts.scheme != "amqps":
        return None
    # With a name here, the client also checks that the certificate holds it.
    return {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": ca_file, "server_hostname": parts.hostname}
