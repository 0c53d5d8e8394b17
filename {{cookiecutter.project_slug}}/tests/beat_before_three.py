"""Run beat as if it were shortly before three o'clock tomorrow (UTC), so that crontab entries need no waiting."""

import sys
from datetime import UTC, datetime, timedelta

import time_machine
from celery.bin.celery import main
from trinity_celery.cli.beat import beat_arguments

from shared.queues import PROJECT

if __name__ == "__main__":
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    sys.argv = ["celery", *beat_arguments(PROJECT)]
    with time_machine.travel(tomorrow.replace(hour=2, minute=59, second=50)):
        sys.exit(main())
