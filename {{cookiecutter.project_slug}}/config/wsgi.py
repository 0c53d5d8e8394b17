"""Django as a WSGI application: ``gunicorn config.wsgi``."""

import importlib
import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
# Now, and not with the first task that is sent: a task that cannot run ends the process.
importlib.import_module("config.celery").celery_app.finalize()
