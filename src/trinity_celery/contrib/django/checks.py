"""What ``manage.py check`` finds, and with it each command of Django's."""

from typing import Any

from celery.app.defaults import SETTING_KEYS
from django.conf import settings
from django.core.checks import CheckMessage, Error


def check_celery_settings(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Find what Celery's own guide puts into Django's settings, and nothing reads here."""
    names = {f"CELERY_{name.upper()}" for name in SETTING_KEYS}
    return [
        Error(
            f"{name}: has no effect in Django's settings",
            hint="Set it in the configuration of the Celery app, after `configure`; a schedule is made of entries.",
            id="trinity_celery.E001",
        )
        for name in sorted(names.intersection(dir(settings)))
    ]
