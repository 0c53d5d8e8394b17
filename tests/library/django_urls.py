"""Django's URLs for the library's own tests."""

from django.contrib import admin
from django.urls import include, path

urlpatterns = [path("admin/", admin.site.urls), path("", include("trinity_celery.contrib.django.urls"))]
