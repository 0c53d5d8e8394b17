"""The project's app for a worker that takes from more queues than the project has: ``celery -A ... worker``."""

import os
from typing import Any

from celery.signals import celeryd_init

from devtools.bench.apps import project_app
from devtools.bench.many_queues import VARIABLE, add_queues

app = project_app()


# Connected after the project's own receiver, and so called after it.
@celeryd_init.connect
def add_to_worker(conf: Any, **_: Any) -> None:
    """Add the queues when the project has configured its worker."""
    add_queues(conf, int(os.environ[VARIABLE]))
