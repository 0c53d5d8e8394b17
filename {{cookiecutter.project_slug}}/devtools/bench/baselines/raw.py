"""The floor: messages pushed to a Redis list and popped from it, in a loop. No Celery, and no promise at all."""

import json
import os
from typing import Any

from redis import Redis

from devtools.bench import marks

KEY = "bench-raw"


def connect() -> Any:
    """Return a connection."""
    return Redis.from_url(os.environ["BENCH_REDIS"])


class App:
    """What the benchmark asks of every app."""

    class control:  # noqa: N801
        """As Celery calls it."""

        @staticmethod
        def purge() -> None:
            """Empty the list."""
            connect().delete(KEY)


app = App


def main() -> None:
    """Take messages until this process is ended."""
    redis = connect()
    while True:
        found = redis.brpop([KEY], timeout=1)
        if found:
            marks.mark(json.loads(found[1])["number"])


if __name__ == "__main__":
    main()
