"""The heartbeat of beat: its loop over the schedule writes it. What a heartbeat is, ``shared.heartbeat`` says."""

from threading import Event, Thread
from typing import Any

from celery.signals import beat_init


# Every process imports this module, so that this receiver is the first: one of a scheduler's own may wait for a lock.
@beat_init.connect
def watch_beat(sender: Any, **_: Any) -> None:
    """Write a heartbeat after each look at the schedule, which is good until the next one is overdue.

    Raises:
        SystemExit: somebody has changed the schedule in Celery's configuration; a server refuses what its URL says,
            or, outside development, may lose tasks.
    """
    # Only beat needs what this imports.
    from shared.beat_schedule import refuse_other_schedules
    from shared.heartbeat import GOOD_FOR, INTERVAL, WORKING, heartbeat, report_waiting
    from shared.server_watch import ServerWatch

    refuse_other_schedules(sender.app)

    scheduler = sender.scheduler
    tick, close = scheduler.tick, scheduler.close
    statuses: list[int] = []
    ServerWatch().begin(statuses.append)
    ticks = Event()

    def wait_for_ticks() -> None:
        while not ticks.is_set():
            heartbeat().write("starting")
            ticks.wait(INTERVAL)

    waiting = Thread(target=wait_for_ticks, daemon=True)

    def watched_tick(*args: Any, **options: Any) -> Any:
        ticks.set()
        waiting.join()
        if statuses:
            raise SystemExit
        pause = tick(*args, **options)
        heartbeat().write(getattr(scheduler, "doing", WORKING), (pause or 0) + GOOD_FOR)
        return pause

    def watched_close() -> None:
        close()
        if statuses:  # Celery's loop ends in status 0, whatever ended it
            raise SystemExit(statuses[0])

    scheduler.tick, scheduler.close = watched_tick, watched_close
    report_waiting(scheduler.connection)
    waiting.start()
