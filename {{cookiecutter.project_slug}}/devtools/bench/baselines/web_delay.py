"""Django with one more URL, at which ``.delay()`` sends a task."""

import os

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt

from devtools.bench.baselines.stock import mark

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
app = get_wsgi_application()


@csrf_exempt
def delay(request: HttpRequest) -> JsonResponse:
    """Send a task."""
    return JsonResponse({"task_id": mark.delay(0).id}, status=202)


def _add() -> None:
    from config.urls import urlpatterns  # can be read when Django is set up

    urlpatterns.insert(0, path("delay", delay))


_add()
