"""Django's URLs; the health middleware answers those below ``/health/``."""

from django.contrib import admin
from django.urls import include, path

from config import views

urlpatterns = [
    path("admin/", admin.site.urls),
    path("queues/<str:queue>/ping", views.ping),
    path("", include("trinity_celery.contrib.django.urls")),
    path("platform/", include("backend.platform.urls")),
]
