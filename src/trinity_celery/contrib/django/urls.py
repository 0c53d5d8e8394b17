"""URLs for ``include``: ``tasks/ID``, the status of a task, to which ``responses.accepted`` points."""

from django.urls import path

from trinity_celery.contrib.django.views import task_status

urlpatterns = [path("tasks/<str:task_id>", task_status, name="task-status")]
