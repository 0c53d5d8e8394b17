"""Listens to the events of workers as a monitor does, so that they are sent to somebody: ``... listener APP``."""

import sys
from typing import Any

from celery.events.receiver import EventReceiver

from devtools.bench.apps import find_app


class Listener(EventReceiver):
    """Says when it has begun to listen."""

    def on_consume_ready(self, *arguments: Any, **options: Any) -> None:
        """Be called by Celery."""
        super().on_consume_ready(*arguments, **options)
        print("listening", flush=True)


def main(name: str) -> None:
    """Listen until this process is ended."""
    app = find_app(name)
    with app.connection_for_read() as connection:
        listener = Listener(connection, handlers={"*": lambda event: None}, app=app)
        listener.capture(limit=None, timeout=None, wakeup=False)


if __name__ == "__main__":
    main(sys.argv[1])
