"""Django's settings; what differs between places comes from the environment (``config/env.py``).

Celery is not configured here but in ``shared/celery_settings.py``, for all services at once.
https://docs.djangoproject.com/en/stable/ref/settings/
"""

from pathlib import Path

import dj_database_url

from config.env import DjangoSettings
from shared.environment import load

BASE_DIR = Path(__file__).resolve().parent.parent

env = load(DjangoSettings)

SECRET_KEY = env.django_secret_key
DEBUG = env.is_development
ALLOWED_HOSTS = list(env.django_allowed_hosts)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # jinja: if cookiecutter.beat_scheduler == "database"
    "django_celery_beat",
    # jinja: endif
    "backend.platform",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

# Workers close their connections after every task, so only the web service gains from keeping them.
DATABASES = {"default": dj_database_url.parse(env.database_url, conn_max_age=60, conn_health_checks=True)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
