"""``make demo``: send a task through every service to every queue, wait for the results, show them, stop everything."""

import json
import sys
import time
from dataclasses import astuple, dataclass
from typing import Any

from trinity_celery.testing.servers import end_on_sigterm

from devtools.stack import Stack, running_stack
from devtools.web_services import WEB_SERVICES, WebService
from shared.queues import PROJECT

RESULT_WIDTH = 44


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    task: str
    sent_by: str
    ran_on: str
    queue: str
    result: str
    milliseconds: str


HEADINGS = Row("task", "sent by", "ran on", "queue", "result", "ms")


def _shorten(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= RESULT_WIDTH else text[: RESULT_WIDTH - 3] + "..."


def send(stack: Stack, service: WebService, path: str, body: dict[str, Any] | None = None) -> tuple[Row, bool]:
    """Send one task, wait for it, and return its line and whether it succeeded."""
    started = time.perf_counter()
    status = stack.finished(stack.post(service, path, body))
    milliseconds = (time.perf_counter() - started) * 1000
    succeeded = status["state"] == "succeeded"
    result = status["result"] if succeeded else f"FAILED: {status['error']}"
    worker = (status["worker"] or "?").partition("@")[0]
    row = Row(status["task"], service.title, worker, status["queue"], _shorten(result), f"{milliseconds:.0f}")
    return row, succeeded


def show(rows: list[Row]) -> None:
    """Print the table."""
    table = [astuple(row) for row in [HEADINGS, *rows]]
    widths = [max(len(line[column]) for line in table) for column in range(len(table[0]))]
    for number, line in enumerate(table):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))


def main() -> None:
    """Run the demo.

    Raises:
        SystemExit: with status 1 if a task failed.
    """
    extra = {
        "REDIS_URL": "",
        "CELERY_BROKER_URL": "",
        "CELERY_RESULT_BACKEND": "",
        "CELERY_WORKER_CONCURRENCY": "1",
        # jinja: if cookiecutter.beat_scheduler != "none"
        "SCHEDULE_TICK_SECONDS": "1",
        # jinja: endif
    }
    end_on_sigterm()
    started = time.perf_counter()
    print("starting a private broker, the web services and a worker for each queue ...", flush=True)
    with running_stack(extra=extra) as stack:
        print("waiting until every worker has answered ...", flush=True)
        for queue in PROJECT.queue_names():
            stack.finished(stack.post(WEB_SERVICES[0], f"/queues/{queue}/ping"))
        print("sending tasks ...", flush=True)
        queues = PROJECT.queue_names()
        pings = [(service, f"/queues/{queue}/ping", None) for service in WEB_SERVICES for queue in queues]
        examples = [(service, example.path, example.body) for service in WEB_SERVICES for example in service.examples]
        done = [send(stack, *request) for request in [*pings, *examples]]
        rows = [row for row, _ in done]
        # jinja: if cookiecutter.beat_scheduler != "none"
        for service in WEB_SERVICES:
            url = f"{service.address(stack.environment)}{service.statistics}"
            figures = stack.wait_for(url, until=lambda figures: figures["refreshes"] > 0)
            worker, queue = figures["refreshed_by"].partition("@")[0], figures["refreshed_from"]
            rows.append(Row("refresh_statistics", "beat", worker, queue, f"see {service.statistics}", ""))
        # jinja: endif
        print()
        show(rows)
        print("\nstopping everything ...", flush=True)
    failures = [succeeded for _, succeeded in done].count(False)
    print(f"{len(done) - failures} of {len(done)} tasks succeeded; {time.perf_counter() - started:.0f} s in all.")
    if not failures:
        print("Next: `make dev` keeps everything running, with reload.")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped.")
