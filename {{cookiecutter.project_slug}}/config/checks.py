"""What ``manage.py check`` finds, and with it each command of Django's."""

from typing import Any

from celery.app.defaults import SETTING_KEYS
from django.conf import settings
from django.core.checks import CheckMessage, Error, register


@register
def check_settings_of_celery(app_configs: Any, **_: Any) -> list[CheckMessage]:
    """Find what Celery's own guide puts into Django's settings, and nothing reads here."""
    names = {f"CELERY_{name.upper()}" for name in SETTING_KEYS}
    return [
        Error(
            f"{name}: has no effect in Django's settings",
            hint="{{ plan(cookiecutter).layout.celery_settings }}.",
            id="config.E001",
        )
        for name in sorted(names.intersection(dir(settings)))
    ]
