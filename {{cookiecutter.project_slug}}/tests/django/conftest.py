"""Fixtures of the Django service's tests."""

import pytest
from django.conf import LazySettings


@pytest.fixture(autouse=True)
def static_root(settings: LazySettings, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let no page depend on whether ``collectstatic`` has run here before."""
    settings.STATIC_ROOT = tmp_path_factory.mktemp("staticfiles")
