"""The page about adopting the library, followed in projects that no template has rendered, on a real broker.

Tasks of the project as it was wait in its old queue, and none of them is lost.
"""

import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import pytest
from redis import Redis

from tests.commands import clean_environment, run
from tests.matrix import ROOT
from tests.pages import blocks
from trinity_celery.testing.processes import Processes, with_own_python
from trinity_celery.testing.redis import private_redis

FILES = {block.title: block.text for block in blocks(ROOT / "docs/how-to/adopt.md") if block.title}

TASKS = """
import os
import time

from celery import shared_task


@shared_task(ignore_result=False)
def take(number, seconds=0.0):
    with open(os.environ["RUNS"], "a") as runs:
        runs.write(f"begin {number}\\n")
    time.sleep(seconds)
    with open(os.environ["RUNS"], "a") as runs:
        runs.write(f"end {number}\\n")
    return number


@shared_task
def fail():
    raise ValueError("no luck")
"""
# As in https://docs.celeryq.dev/en/stable/django/first-steps-with-django.html
DJANGO_CELERY = """
import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "proj.settings")

app = Celery("proj")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
"""
DJANGO_SETTINGS = """
import os

INSTALLED_APPS.append("orders")
CELERY_BROKER_URL = CELERY_RESULT_BACKEND = os.environ["REDIS_URL"]
"""
FASTAPI_CELERY = """
import os

from celery import Celery

celery_app = Celery("app", broker=os.environ["REDIS_URL"], backend=os.environ["REDIS_URL"])
celery_app.autodiscover_tasks(["app"])
"""
FASTAPI_MAIN = """
from fastapi import FastAPI

from app import tasks
from app.celery_app import celery_app

app = FastAPI()


@app.post("/orders/{number}")
def order(number: int):
    return {"task_id": tasks.take.delay(number).id}
"""
ASK_FASTAPI = """
from fastapi.testclient import TestClient
from app.main import app

with TestClient(app) as client:
    print(client.get("/health/ready").json()["status"])
    task_id = client.post("/orders/7").json()["task_id"]
    for _ in range(600):
        status = client.get(f"/tasks/{task_id}").json()
        if status.get("state") == "succeeded":
            break
        __import__("time").sleep(0.1)
    print(status["state"], status["result"])
"""


class Project:
    """A folder with a project, and the processes that run there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder = folder
        self.runs = folder.parent / "runs"
        variables = {"REDIS_URL": url, "RUNS": str(self.runs), "PYTHONPATH": str(folder)}
        self.environment = with_own_python(clean_environment(**variables))
        self.processes = Processes(self.environment, folder.parent, folder)
        self.client = Redis.from_url(url)

    def copy(self) -> Self:
        """Return the same project as it is now, in another folder."""
        folder = shutil.copytree(self.folder, self.folder.with_name("old"))
        return type(self)(folder, self.environment["REDIS_URL"])

    def write(self, path: str, text: str, *, add: bool = False) -> None:
        """Write a file, or the end of one."""
        file = self.folder / path
        file.parent.mkdir(exist_ok=True)
        file.write_text((file.read_text() if add else "") + text)

    def do(self, *words: str, **variables: str) -> str:
        """Run a command of this Python, and return what it prints."""
        done = run([sys.executable, *words], self.folder, **{**self.environment, **variables})
        assert done.returncode == 0, done.stdout
        return done.stdout

    def ended(self) -> list[str]:
        """Return the numbers of the tasks that ran to their end."""
        lines = self.runs.read_text().splitlines() if self.runs.exists() else []
        return sorted(line.removeprefix("end ") for line in lines if line.startswith("end "))

    def wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for half a minute at most."""
        deadline = time.monotonic() + 30
        while not condition():
            self.processes.check()
            assert time.monotonic() < deadline, self.ended()
            time.sleep(0.05)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with a broker of its own, in a folder that is still empty."""
    with private_redis(tmp_path / "redis") as url:
        (tmp_path / "new").mkdir()
        made = Project(tmp_path / "new", url)
        yield made
        made.processes.stop()
        made.client.close()


def start_django(project: Project) -> None:
    """Make a project as Django's and Celery's documentation say."""
    project.do("-m", "django", "startproject", "proj", ".")
    project.do("manage.py", "startapp", "orders")
    project.write("proj/celery.py", DJANGO_CELERY)
    project.write("proj/__init__.py", "from .celery import app as celery_app\n")
    project.write("proj/settings.py", DJANGO_SETTINGS, add=True)
    project.write("orders/tasks.py", TASKS)


def adopt_django(project: Project) -> None:
    """Do what the page says."""
    project.write("proj/queues.py", FILES["proj/queues.py"])
    project.write("proj/celery.py", FILES["proj/celery.py"])
    settings = (project.folder / "proj/settings.py").read_text().replace(DJANGO_SETTINGS.splitlines()[-1], "")
    project.write("proj/settings.py", settings + FILES["proj/settings.py"])
    project.do("manage.py", "check")
    project.do("manage.py", "migrate", "--verbosity=0")


def shell(project: Project, code: str) -> str:
    """Run code as ``manage.py shell`` does."""
    return project.do("manage.py", "shell", "--no-imports", "--command", f"from orders.tasks import *; {code}")


@pytest.mark.slow
def test_django_project_switches_and_loses_nothing(project: Project) -> None:
    start_django(project)
    shell(project, "[take.delay(number) for number in range(3)]")
    assert project.client.llen("celery") == 3
    old = project.copy()
    adopt_django(project)
    worker, settings = "trinity worker orders --concurrency 1", {"TRINITY_PROJECT": "proj.queues:PROJECT"}
    project.processes.start("new", worker, settings)
    # What waits in the old queue, the old worker runs.
    old.processes.start("old", "celery -A proj worker --concurrency 1")
    project.wait_until(lambda: project.ended() == ["0", "1", "2"])
    assert project.client.llen("celery") == 0
    old.processes.stop()
    old.client.close()
    # What is sent now goes to the new queue and comes back, also after the worker was killed.
    assert shell(project, "print(take.delay(3).get(timeout=30))") == "3\n"
    shell(project, "take.delay(4, 3.0)")
    project.wait_until(lambda: "begin 4" in project.runs.read_text())
    project.processes.send_group_signal("new", signal.SIGKILL)
    project.processes.wait("new", 10)
    project.processes.start("new", worker, settings)
    project.wait_until(lambda: "4" in project.ended())
    # A task of a transaction that is rolled back is not sent.
    sent = "take.delay_on_commit(5)"
    shell(project, f"from django.db import transaction as t\nwith t.atomic(): {sent}; t.set_rollback(True)")
    shell(project, f"from django.db import transaction as t\nwith t.atomic(): {sent.replace('5', '6')}")
    project.wait_until(lambda: "6" in project.ended())
    assert "5" not in project.ended()
    # What fails for good is kept.
    shell(project, "fail.delay()")
    deadline = time.monotonic() + 30
    while "orders.tasks.fail" not in (said := project.do("-m", "trinity_celery", "dead-letters", "list", **settings)):
        assert time.monotonic() < deadline, said
    assert "ValueError: no luck" in said


@pytest.mark.slow
def test_setting_that_nothing_reads_any_more_is_named(project: Project) -> None:
    start_django(project)
    adopt_django(project)
    project.write("proj/settings.py", "CELERY_TASK_ACKS_LATE = True\n", add=True)
    done = run([sys.executable, "manage.py", "check"], project.folder, **project.environment)
    assert done.returncode == 1
    assert "CELERY_TASK_ACKS_LATE: has no effect in Django's settings" in done.stdout


@pytest.mark.slow
def test_fastapi_project_switches_and_loses_nothing(project: Project) -> None:
    project.write("app/__init__.py", "")
    project.write("app/celery_app.py", FASTAPI_CELERY)
    project.write("app/main.py", FASTAPI_MAIN)
    project.write("app/tasks.py", TASKS)
    project.do("-c", "from app.celery_app import celery_app; from app import tasks; tasks.take.delay(1)")
    assert project.client.llen("celery") == 1
    old = project.copy()
    queues = FILES["proj/queues.py"].replace("proj.celery", "app.celery_app")
    project.write("app/queues.py", queues.replace('package="orders"', 'package="app"'))
    project.write("app/celery_app.py", FILES["app/celery_app.py"])
    project.write("app/main.py", FILES["app/main.py"], add=True)
    settings = {"TRINITY_PROJECT": "app.queues:PROJECT"}
    project.processes.start("new", "trinity worker orders --concurrency 1", settings)
    old.processes.start("old", "celery -A app.celery_app worker --concurrency 1")
    project.wait_until(lambda: project.ended() == ["1"])
    old.processes.stop()
    old.client.close()
    assert project.do("-W", "ignore", "-c", ASK_FASTAPI).splitlines() == ["ready", "succeeded 7"]
    # Without a broker, the service lives and is not ready.
    code = "from fastapi.testclient import TestClient; from app.main import app; client = TestClient(app)\n"
    ask = "print([client.get(f'/health/{what}').status_code for what in ('live', 'ready')])"
    away = {"REDIS_URL": "redis://127.0.0.1:1/0"}
    assert project.do("-W", "ignore", "-c", code + ask, **away) == "[200, 503]\n"
