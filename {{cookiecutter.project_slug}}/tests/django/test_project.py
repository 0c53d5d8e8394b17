"""The project around the apps: settings from the environment, migrations, admin, discovery of tasks."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import Client

from devtools.stack import ROOT

ENVIRONMENT_ERRORS = [
    ({"ENVIRONMENT": "staging"}, "ENVIRONMENT: "),
    ({"ENVIRONMENT": "production"}, "DJANGO_SECRET_KEY: is required outside development"),
    ({"ENVIRONMENT": "production", "DJANGO_SECRET_KEY": "CHANGE_ME"}, "DJANGO_SECRET_KEY: still holds CHANGE_ME"),
    ({"DATABASE_URL": "mysterydb://x"}, "DATABASE_URL: is not a database URL"),
    ({"DATABASE_URL": "sqlite://h/db"}, "DATABASE_URL: names a server, and SQLite is a file: use sqlite:///file"),
    ({"DATABASE_URL": "postgres://shop:pa/ss@h/shop"}, "DATABASE_URL: holds '@', '/' or '?' in name or password: "),
]


@pytest.mark.parametrize(("environment", "message"), ENVIRONMENT_ERRORS)
def test_bad_setting_stops_the_process_and_is_named(environment: dict[str, str], message: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith(message)
    assert len(done.stderr.splitlines()) == 1


def test_database_url_chooses_postgresql() -> None:
    code = "from config.settings import DATABASES; print(DATABASES['default']['ENGINE'], DATABASES['default']['HOST'])"
    environment = {"DATABASE_URL": "postgres://shop:secret@db.example:5432/shop"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.split() == ["django.db.backends.postgresql", "db.example"]


def test_setting_of_celery_that_nothing_reads_is_refused(settings: LazySettings) -> None:
    settings.CELERY_TASK_ALWAYS_EAGER = True
    with pytest.raises(SystemCheckError, match="CELERY_TASK_ALWAYS_EAGER: has no effect in Django's settings"):
        call_command("check")


@pytest.mark.django_db
def test_migrations_are_complete() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_migration_that_django_writes_passes_the_linter(tmp_path: Path) -> None:
    (tmp_path / "extra/migrations").mkdir(parents=True)
    for module in ("extra/__init__.py", "extra/migrations/__init__.py"):
        (tmp_path / module).touch()
    (tmp_path / "extra/models.py").write_text(
        "import uuid\n\nfrom django.conf import settings\nfrom django.db import models\n\n\n"
        f"class Extra(models.Model):\n    name = models.CharField(max_length=9, help_text={'long ' * 25!r})\n"
        "    key = models.UUIDField(default=uuid.uuid4)\n"
        "    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)\n"
    )
    (tmp_path / "extra_settings.py").write_text(
        "from config.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'extra']\n"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "extra_settings", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    command = [sys.executable, "manage.py", "makemigrations", "extra"]
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for check in (["check"], ["format", "--check"]):
        command = [sys.executable, "-m", "ruff", *check, "--no-cache", "extra/migrations"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("arguments", "advice"), [(["test"], "use `make test`"), (["startapp", "shop"], "an app lives below backend/")]
)
def test_command_that_would_not_do_says_what_does(arguments: list[str], advice: str) -> None:
    done = subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert advice in done.stderr


@pytest.mark.django_db
def test_admin_shows_reports(admin_client: Client) -> None:
    assert admin_client.get("/admin/platform/report/").status_code == 200


def test_tasks_of_a_new_app_are_found_without_wiring(tmp_path: Path) -> None:
    """A folder with ``tasks.py`` in INSTALLED_APPS is all it takes, and its tasks go to this service's queue."""
    app = tmp_path / "backend_extra"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "tasks.py").write_text("from celery import shared_task\n\n\n@shared_task\ndef new(): ...\n")
    (tmp_path / "extra_settings.py").write_text(
        "from config.settings import *\nINSTALLED_APPS = [*INSTALLED_APPS, 'backend_extra']\n"
    )
    code = (
        "from config.celery import celery_app as app; app.loader.import_default_modules(); "
        "print('backend_extra.tasks.new' in app.tasks)"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "extra_settings", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "True", done.stderr
