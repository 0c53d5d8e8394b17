"""Django's settings; what differs between places comes from the environment (``config/env.py``).

Celery is not configured here but in ``shared/celery_settings.py``, for all services at once.
https://docs.djangoproject.com/en/stable/ref/settings/
"""

from pathlib import Path

from django.utils.log import DEFAULT_LOGGING
from trinity_celery.config import load
from trinity_celery.contrib.django.database_settings import database_settings

from config.env import DjangoSettings

BASE_DIR = Path(__file__).resolve().parent.parent

env = load(DjangoSettings)

SECRET_KEY = env.django_secret_key
DEBUG = env.is_development
ALLOWED_HOSTS = list(env.django_allowed_hosts)

if not env.is_development:
    # A reverse proxy that ends TLS is expected in front. It must set or drop this header: Django believes whoever
    # sends it.
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    # jinja: if cookiecutter.beat_scheduler == "database"
    "django_celery_beat",
    "trinity_celery.contrib.django.schedule",
    # jinja: endif
    "trinity_celery.contrib.django.delivery",
    "trinity_celery.contrib.django.dead_letters",
    "backend.platform",
]

MIDDLEWARE = [
    # First, before anything looks at the host that was asked for.
    "trinity_celery.contrib.django.health.health_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
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

DATABASES = {"default": database_settings(env.database_url, folder=BASE_DIR)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("MinimumLengthValidator", "CommonPasswordValidator", "NumericPasswordValidator")
]

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True

# The same everywhere, so that an image can be built without any variable. Where DEBUG is on, Django uses the plain
# names and WhiteNoise the files in the apps. https://whitenoise.readthedocs.io/en/stable/django.html
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.HashedStaticFiles"},
}

# By itself Django writes nothing where DEBUG is off, not even the traceback behind a 500.
LOGGING = DEFAULT_LOGGING | {
    "handlers": DEFAULT_LOGGING["handlers"] | {"console": {"class": "logging.StreamHandler", "level": "INFO"}}
}
