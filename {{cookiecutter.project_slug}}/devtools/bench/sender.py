"""A process that sends tasks when it is told to, and says what that has cost: one line of JSON for each line it reads.

A process for each app: so each has its own imports and connections, and is warm in every round.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib import import_module

from devtools.bench.apps import find_app, project_app, project_tasks
from devtools.bench.many_queues import COUNTS, names

TOGETHER = 16  # calls at once

# Sends so many tasks, and returns the seconds that each call took, or nothing if they went in one call.
Send = Callable[[int], list[float]]


def one_by_one(call: Callable[[int], object]) -> Send:
    """Return a sender that calls ``call`` with 0, 1, 2 ..."""

    def send(count: int) -> list[float]:
        taken = []
        for number in range(count):
            started = time.perf_counter()
            call(number)
            taken.append(time.perf_counter() - started)
        return taken

    return send


def at_once(call: Callable[[int], object]) -> Send:
    """Return a sender that calls ``call`` once with the number of tasks."""

    def send(count: int) -> list[float]:
        if count:
            call(count)
        return []

    return send


def stock(task: str = "mark") -> Send:
    """Send with Celery at its defaults."""
    return one_by_one(getattr(import_module("devtools.bench.baselines.stock"), task).delay)


def popular() -> Send:
    """Send with the settings of the popular template."""
    return one_by_one(import_module("devtools.bench.baselines.popular").mark.delay)


def raw() -> Send:
    """Push to a list."""
    module = import_module("devtools.bench.baselines.raw")
    redis = module.connect()
    return one_by_one(lambda number: redis.lpush(module.KEY, json.dumps({"number": number})))


def contract(name: str = "MARK") -> Send:
    """Send through a contract."""
    tasks = project_tasks()
    send = getattr(tasks, name).send
    return one_by_one(lambda number: send(tasks.Mark(number=number)))


def contract_async(name: str = "MARK", together: int = 1) -> Send:
    """Send through a contract from an event loop, so many at once, as requests do that come at once."""
    tasks = project_tasks()
    send = getattr(tasks, name).send_async
    loop = asyncio.new_event_loop()

    async def send_one(number: int) -> float:
        started = time.perf_counter()
        await send(tasks.Mark(number=number))
        return time.perf_counter() - started

    async def send_all(count: int) -> list[float]:
        if together == 1:
            return [await send_one(number) for number in range(count)]
        taken: list[float] = []
        for first in range(0, count, together):
            numbers = range(first, min(first + together, count))
            taken += await asyncio.gather(*map(send_one, numbers))
        return taken

    return lambda count: loop.run_until_complete(send_all(count))


def contract_many() -> Send:
    """Send all at once through a contract."""
    tasks = project_tasks()
    return at_once(lambda count: tasks.MARK.send_many([tasks.Mark(number=number) for number in range(count)]))


def task() -> Send:
    """Send the project's task as Celery's guides do."""
    return one_by_one(project_tasks().mark.delay)


def over_queues(count: int) -> Send:
    """Send to that many queues in turn."""
    app, queues = project_app(count), names(count)
    name = project_tasks().mark.name
    return one_by_one(
        lambda number: app.send_task(name, kwargs={"number": number}, queue=queues[number % count], ignore_result=True)
    )


WAYS: dict[str, Callable[[], Send]] = {
    "stock": stock,
    "stock-events": stock,
    "stock-without-result": lambda: stock("mark_without_result"),
    "stock-compute": lambda: stock("compute"),
    "stock-wait": lambda: stock("wait"),
    "popular": popular,
    "raw": raw,
    "contract": contract,
    "contract-with-result": lambda: contract("MARK_WITH_RESULT"),
    "contract-compute": lambda: contract("COMPUTE"),
    "contract-wait": lambda: contract("WAIT"),
    "contract-async": contract_async,
    "contract-async-together": partial(contract_async, together=TOGETHER),
    "contract-async-with-result": lambda: contract_async("MARK_WITH_RESULT"),
    "contract-many": contract_many,
    "task": task,
    **{f"over-{count}-queues": partial(over_queues, count) for count in COUNTS},
}


def main(app: str) -> None:
    """Read ways and how many tasks to send, until there is nothing more to read.

    0 tasks empty the queues of ``app`` instead.
    """
    ways: dict[str, Send] = {}
    for line in sys.stdin:
        way, count = line.split()
        if way not in ways:
            ways[way] = WAYS[way]()
        if not int(count):
            find_app(app).control.purge()
        used, began = time.process_time(), time.perf_counter()
        taken = ways[way](int(count))
        seconds = time.perf_counter() - began
        print(json.dumps({"cpu": time.process_time() - used, "seconds": seconds, "taken": taken}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
