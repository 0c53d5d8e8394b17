"""What production needs beyond a laptop: collected static files, a reverse proxy in front, errors in the log."""

import re
import subprocess
import sys

import pytest
from django.conf import LazySettings
from django.core.management import call_command
from django.test import Client

from devtools.stack import ROOT

PRODUCTION = {
    "ENVIRONMENT": "production",
    "DJANGO_SECRET_KEY": "0123456789-a-long-and-random-text-abcdefghijklmnopqrstuvwxyz",
    "DJANGO_ALLOWED_HOSTS": "shop.example",
    "REDIS_URL": "redis://:password@redis:6379/0",
    "DATABASE_URL": "sqlite://:memory:",
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, env=PRODUCTION, capture_output=True, text=True, check=True
    )


@pytest.fixture
def collected(settings: LazySettings) -> None:
    """Static files as an image's build collects them: in development, since no variable is set there."""
    settings.DEBUG = True
    call_command("collectstatic", interactive=False, verbosity=0)
    settings.DEBUG = False
    # Another process reads the manifest.
    settings.STATIC_ROOT = settings.STATIC_ROOT


def test_collected_files_have_a_hash_in_their_names(collected: None, client: Client) -> None:
    [styles] = re.findall(r"/static/admin/css/base\.\w{12}\.css", client.get("/admin/login/").text)
    response = client.get(styles, headers={"accept-encoding": "gzip"})
    assert (response.status_code, response.headers["Content-Encoding"]) == (200, "gzip")
    assert response.headers["Cache-Control"] == "max-age=315360000, public, immutable"


def test_pages_do_without_collected_files(client: Client) -> None:
    page = client.get("/admin/login/")
    assert page.status_code == 200
    assert "/static/admin/css/base.css" in page.text


def test_only_what_the_reverse_proxy_does_is_left() -> None:
    """Redirects to HTTPS (W008) and HSTS (W004) are up to whoever ends TLS."""
    assert set(re.findall(r"security\.(\w+)", run("manage.py", "check", "--deploy").stderr)) == {"W004", "W008"}


def test_reverse_proxy_says_whether_the_request_was_encrypted() -> None:
    said = run("-c", "from config.settings import SECURE_PROXY_SSL_HEADER as header; print(*header)").stdout
    assert said.split() == ["HTTP_X_FORWARDED_PROTO", "https"]


def test_errors_reach_the_log() -> None:
    code = """
import os
os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
from config.wsgi import application
from django.test import Client
client = Client(raise_request_exception=False)
print(client.get("/platform/statistics", headers={"host": "shop.example"}).status_code)
"""
    done = run("-c", code)
    assert done.stdout == "500\n"
    assert "no such table: platform_" in done.stderr
