"""Django's URLs."""

from django.contrib import admin
from django.urls import include, path

from config import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health/live", views.live),
    path("health/ready", views.ready),
    path("queues/<str:queue>/ping", views.ping),
    path("tasks/<str:task_id>", views.task_status, name="task-status"),
    path("platform/", include("backend.platform.urls")),
]
