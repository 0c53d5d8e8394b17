"""URLs of the worked example."""

from django.urls import path

from backend.platform import views

urlpatterns = [
    path("reports", views.request_report),
    path("reports/<int:report_id>", views.report_detail),
    path("statistics", views.statistics),
    # jinja: if cookiecutter.use_fastapi
    path("scores", views.request_score),
    # jinja: endif
]
