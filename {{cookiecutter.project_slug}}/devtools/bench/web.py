"""How the project's web services are started, and how the same ones with the baseline's endpoint are."""

from devtools.stack import procfile
from devtools.web_services import WEB_SERVICES, WebService

# python -m SERVER MODULE ...
MODULE = 3


def command(service: WebService) -> str:
    """Return what starts a service."""
    return procfile()[service.process]


def baseline_command(service: WebService) -> str:
    """Return what starts it with one more endpoint, whose path is ``/delay``."""
    words = command(service).split()
    words[MODULE] = f"devtools.bench.baselines.{service.process}_delay:app"
    return " ".join([*words[:2], "devtools.bench.baselines.plain_redis", *words[2:]])


def modules() -> list[str]:
    """Return the modules that hold the web services' applications."""
    return [command(service).split()[MODULE].partition(":")[0] for service in WEB_SERVICES]
