"""Django's half of the library in a project that knows nothing of the template."""

import sqlite3
import sys
from pathlib import Path

import pytest

from tests.commands import run
from tests.matrix import ROOT

# As projects made them whose apps were their own, `backend.delivery` and `backend.dead_letters`.
EARLIER_TABLES = """
CREATE TABLE backend_outbox (
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT, message text NOT NULL, created_at datetime NOT NULL);
CREATE TABLE backend_idempotency_key (
    key varchar(500) NOT NULL PRIMARY KEY, result text NULL, created_at datetime NOT NULL,
    fingerprint varchar(64) NULL);
CREATE INDEX backend_idempotency_key_created_at_e52783c7 ON backend_idempotency_key (created_at);
INSERT INTO backend_outbox (message, created_at) VALUES ('{}', '2026-01-01 00:00:00');
INSERT INTO backend_idempotency_key (key, created_at) VALUES ('order-7', '2026-01-01 00:00:00');
CREATE TABLE django_migrations (
    id integer NOT NULL PRIMARY KEY AUTOINCREMENT, app varchar(255) NOT NULL, name varchar(255) NOT NULL,
    applied datetime NOT NULL);
INSERT INTO django_migrations (app, name, applied) VALUES
    ('dead_letters', '0001_initial', '2026-01-01 00:00:00'),
    ('delivery', '0001_initial', '2026-01-01 00:00:00'),
    ('delivery', '0002_idempotencykey_fingerprint', '2026-01-01 00:00:00');
"""
ROWS = """
from trinity_celery.contrib.django.delivery.models import IdempotencyKey, OutboxMessage
print(OutboxMessage.objects.get().message, IdempotencyKey.objects.get().key)
"""
TASKS = """
from trinity_celery.config import Project, Queue, Service
from trinity_celery.contrib.django.transactions import install_delivery
from trinity_celery.worker import ProjectApp, configure

service = Service("web", package="shop", celery_app="shop", default_queue="orders")
app = ProjectApp("shop", task_cls="trinity_celery.contrib.django.task:DjangoBaseTask")
configure(app, project=Project("shop", [service], [Queue("orders", "shop")]), service="web")
install_delivery(service)
print(*sorted(name for name in app.tasks if name.startswith("shop")))
print(app.tasks["shop.delivery.tasks.relay_outbox"](), app.tasks["shop.delivery.tasks.purge_keys"]())
"""
PAGES = """
from types import SimpleNamespace
from django.contrib.auth.models import User
from django.test import Client
from trinity_celery.contrib.django.dead_letters import admin
from trinity_celery.dead_letters.store import dead_letter

def letter(**fields):
    return dead_letter("failed", "no <b>luck</b>", keywords={"password": "sesame"}, **fields)

kept = [letter(task="shop.order", queue="a&b", arguments=[]), letter()]
admin.office = lambda: SimpleNamespace(collect=list, find=lambda _: iter(kept), read=lambda _: kept[0])
client = Client(SERVER_NAME="localhost")
client.force_login(User.objects.create_superuser("root"))
for path in ("", f"{kept[0].id}/"):
    print(client.get(f"/admin/dead_letters/deadletter/{path}").content.decode())
"""


def manage(*arguments: str, database: Path) -> tuple[int, str]:
    """Run a command of Django's, and return how it ended and what it said."""
    command = [sys.executable, "-m", "django", *arguments]
    ended = run(command, ROOT, DJANGO_SETTINGS_MODULE="tests.library.django_settings", DATABASE_FILE=str(database))
    return ended.returncode, ended.stdout


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A file for SQLite."""
    return tmp_path / "db.sqlite3"


def test_database_that_was_migrated_by_the_apps_of_a_project_needs_no_change(database: Path) -> None:
    with sqlite3.connect(database) as connection:
        connection.executescript(EARLIER_TABLES)
    connection.close()
    for app in ("delivery", "dead_letters"):
        assert manage("migrate", app, "--check", database=database) == (0, "")
    code, said = manage("migrate", database=database)
    assert code == 0, said
    assert "delivery" not in said.partition("Running migrations:")[2]
    assert manage("shell", "--no-imports", "--command", ROWS, database=database)[1].split() == ["{}", "order-7"]


def test_migrations_are_complete_whatever_kind_of_key_a_project_prefers(database: Path) -> None:
    code, said = manage("makemigrations", "--check", "--dry-run", database=database)
    assert (code, said) == (0, "No changes detected\n")


def test_tasks_have_the_names_and_so_the_routes_of_their_service(database: Path) -> None:
    assert manage("migrate", "delivery", "--verbosity=0", database=database) == (0, "")
    code, said = manage("shell", "--no-imports", "--command", TASKS, database=database)
    assert code == 0, said
    assert said.split() == ["shop.delivery.tasks.purge_keys", "shop.delivery.tasks.relay_outbox", "0", "0"]


def test_pages_about_dead_letters_show_what_may_be_shown(database: Path) -> None:
    assert manage("migrate", "--verbosity=0", database=database) == (0, "")
    code, said = manage("shell", "--no-imports", "--command", PAGES, database=database)
    assert code == 0, said
    listed, _, shown = said.partition("</html>")
    assert "2 in all." in listed
    assert listed.count("no &lt;b&gt;luck&lt;/b&gt;") == 2
    assert '<td><a href="?queue=a%26b" title="Only these">a&amp;b</a>' in listed
    assert listed.count("<td>?") == 2, "the second letter names neither a task nor a queue"
    assert "Send again" in shown
    assert "[redacted]" in shown
    assert "sesame" not in said
