"""The heartbeat of beat: its loop over the schedule writes it. ``trinity_celery.health.heartbeat`` says what one is."""

from threading import Event, Thread
from typing import Any

from celery.beat import Service
from celery.signals import beat_init

from trinity_celery._compat.celery import replace_loop


# Imported wherever beat is configured, so that this receiver is the first: a scheduler's own may wait for a lock.
@beat_init.connect
def watch_beat(sender: Service, **_: object) -> None:
    """Write a heartbeat after each look at the schedule, which is good until the next one is overdue.

    Raises:
        SystemExit: somebody has changed the schedule in Celery's configuration; a server refuses what its URL says,
            or, outside development, may lose tasks.
    """
    # Only beat needs what this imports.
    from trinity_celery.beat.schedule import refuse_other_schedules
    from trinity_celery.health.heartbeat import GOOD_FOR, INTERVAL, WORKING, heartbeat_of, report_waiting
    from trinity_celery.health.server_watch import ServerWatch

    refuse_other_schedules(sender.app)
    heartbeat = heartbeat_of(sender.app)

    scheduler = sender.scheduler
    tick, close = scheduler.tick, scheduler.close
    statuses: list[int] = []
    ServerWatch(sender.app).begin(statuses.append)
    ticks = Event()

    def wait_for_ticks() -> None:
        while not ticks.is_set():
            heartbeat.write("starting")
            ticks.wait(INTERVAL)

    waiting = Thread(target=wait_for_ticks, daemon=True)

    def watched_tick(*args: Any, **options: Any) -> float:
        ticks.set()
        waiting.join()
        if statuses:
            raise SystemExit
        pause: float = tick(*args, **options)
        heartbeat.write(getattr(scheduler, "doing", WORKING), (pause or 0) + GOOD_FOR)
        return pause

    def watched_close() -> None:
        close()
        if statuses:  # Celery's loop ends in status 0, whatever ended it
            raise SystemExit(statuses[0])

    replace_loop(scheduler, watched_tick, watched_close)
    report_waiting(sender.app, scheduler.connection)
    waiting.start()
