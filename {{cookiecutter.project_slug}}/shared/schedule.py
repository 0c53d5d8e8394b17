"""The periodic tasks that come with the code. Every scheduler reads this table; none of them owns it.

To add one, add an ``Entry``. It goes to the beat queue of the task's own queue, where that queue's worker listens.
"""

from celery.schedules import crontab
from trinity_celery.beat import Entry
from trinity_celery.config import BeatSettings


def entries(settings: BeatSettings) -> list[Entry]:
    """Return the schedule."""
    tick = settings.schedule_tick_seconds
    return [
        # jinja: if cookiecutter.use_django
        Entry("refresh-report-statistics", "backend.platform.tasks.refresh_statistics", tick, expires=tick),
        Entry("purge-old-reports", "backend.platform.tasks.purge_old_reports", crontab("0", "*/3"), expires=3600),
        Entry("relay-backend-outbox", "backend.delivery.tasks.relay_outbox", tick, expires=tick),
        Entry("purge-backend-keys", "backend.delivery.tasks.purge_keys", crontab("0", "3"), expires=3600),
        # jinja: endif
        # jinja: if cookiecutter.use_fastapi
        Entry("refresh-score-statistics", "app.atom.tasks.refresh_statistics", tick, expires=tick),
        Entry("reset-score-statistics", "app.atom.tasks.reset_statistics", crontab("0", "3"), expires=3600),
        Entry("relay-app-outbox", "app.delivery.tasks.relay_outbox", tick, expires=tick),
        Entry("purge-app-keys", "app.delivery.tasks.purge_keys", crontab("0", "3"), expires=3600),
        # jinja: endif
    ]
