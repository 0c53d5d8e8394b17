"""The web services as somebody sees them who only knows HTTP: ports, pages, examples to try."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Example:
    """A request that sends a task."""

    path: str
    body: dict[str, Any]


@dataclass(frozen=True)
class WebService:
    """A service, its process in the Procfile, the variable that holds its port, a page to look at, what to try.

    ``limited_task`` is a task with a rate limit of ten a second, and its arguments.
    """

    title: str
    process: str
    port_variable: str
    page: str
    examples: list[Example]
    statistics: str
    limited_task: tuple[str, list[Any]]

    def address(self, environment: dict[str, str]) -> str:
        """Return where the service listens."""
        return f"http://127.0.0.1:{environment[self.port_variable]}"


WEB_SERVICES = [
    # jinja: if cookiecutter.use_django
    WebService(
        title="Django",
        process="web",
        port_variable="DJANGO_PORT",
        page="/admin/",
        examples=[
            Example("/platform/reports", {"title": "First report", "body": "four words are here"}),
            # jinja: if cookiecutter.use_fastapi
            Example("/platform/scores", {"text": "a text for the other service"}),
            # jinja: endif
        ],
        statistics="/platform/statistics",
        limited_task=("backend.platform.tasks.notify_subscriber", [1]),
    ),
    # jinja: endif
    # jinja: if cookiecutter.use_fastapi
    WebService(
        title="FastAPI",
        process="fastapi",
        port_variable="FASTAPI_PORT",
        page="/docs",
        examples=[
            Example("/atom/scores", {"text": "a short text"}),
            # jinja: if cookiecutter.use_django
            Example("/atom/reports", {"title": "Second report", "body": "for the other service"}),
            # jinja: endif
        ],
        statistics="/atom/statistics",
        limited_task=("app.atom.tasks.call_partner", ["somebody"]),
    ),
    # jinja: endif
]
