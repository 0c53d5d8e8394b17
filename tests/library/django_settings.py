"""Django's settings for the library's own tests, and for mypy, which asks Django about models."""

import os

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django_celery_beat",
    "trinity_celery.contrib.django.schedule",
    "trinity_celery.contrib.django.delivery",
    "trinity_celery.contrib.django.dead_letters",
]
MIDDLEWARE = [
    "trinity_celery.contrib.django.health.health_middleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
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
ROOT_URLCONF = "tests.library.django_urls"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ.get("DATABASE_FILE", ":memory:")}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"  # not that of the tables which the library brings
SECRET_KEY = "only-for-tests"
USE_TZ = True
