"""The HTTP answers that views have in common."""

from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from pydantic import ValidationError

from trinity_celery.errors import (
    KEY_REUSED,
    BrokerUnavailableError,
    InvalidKeyError,
    KeyReusedError,
    MessageTooLargeError,
)

View = Callable[..., HttpResponse]


def accepted(task_id: str) -> JsonResponse:
    """Return 202 with the place where the status of the task can be asked for."""
    location = reverse("task-status", args=[task_id])
    return JsonResponse({"task_id": task_id, "status_url": location}, status=202, headers={"Location": location})


def unavailable(what: str, error: Exception) -> JsonResponse:
    """Return 503: what is missing, and that trying again later is right."""
    return JsonResponse({"detail": f"{what} is not available: {error}"}, status=503, headers={"Retry-After": "5"})


def sends_task(view: View) -> View:
    """Turn a view that sends a task into a POST endpoint: a bad body is answered by 422, a missing broker by 503.

    So is a full queue; what is too large for a message is answered by 413. An ``Idempotency-Key`` is answered by 400 if
    it is none, by 422 if it was used for another payload.

    It needs no CSRF token: it reads JSON and no cookie. Add the authentication that your API uses.
    """

    @csrf_exempt
    @require_POST
    @wraps(view)
    def answer(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except ValidationError as error:
            # Without the input, of which JSON cannot hold everything.
            said = error.errors(include_url=False, include_context=False, include_input=False)
            return JsonResponse({"detail": said}, status=422)
        except InvalidKeyError as error:
            return JsonResponse({"detail": str(error)}, status=400)
        except KeyReusedError:
            return JsonResponse({"detail": f"Idempotency-Key: {KEY_REUSED}"}, status=422)
        except MessageTooLargeError as error:
            return JsonResponse({"detail": str(error)}, status=413)
        except BrokerUnavailableError as error:
            return unavailable("the task queue", error)

    return answer
