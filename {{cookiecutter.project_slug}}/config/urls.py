"""Django's URLs; ``config/health.py`` answers those below ``/health/``."""

from django.contrib import admin
from django.urls import include, path

from config import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("queues/<str:queue>/ping", views.ping),
    path("tasks/<str:task_id>", views.task_status, name="task-status"),
    path("platform/", include("backend.platform.urls")),
]
