"""Django's URLs."""

from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

from config import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("health/live", views.live),
    path("health/ready", views.ready),
    path("queues/<str:queue>/ping", views.ping),
    path("tasks/<str:task_id>", views.task_status, name="task-status"),
    path("platform/", include("backend.platform.urls")),
    # In development the admin's styles are served by whatever serves the pages; elsewhere this is empty.
    *staticfiles_urlpatterns(),
]
