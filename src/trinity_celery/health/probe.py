"""The command of container health checks: whether a process is well, in one line and by its exit status.

    python -m trinity_celery.health.probe heartbeat    whether the heartbeat in HEARTBEAT_FILE is good
    python -m trinity_celery.health.probe http URL     whether URL answers 200

With HEALTHCHECK_LOGIN (name:password; of several, separated by commas, the first), ``http`` logs in, and also asks
without, which has to be refused. This runs every few seconds: it imports no packages and nothing of this project.
"""

import os
import sys
import time

TIMEOUT = 3  # seconds
SHOWN = 200  # characters of an answer

Result = tuple[int, str]  # exit status and what to print


def check_heartbeat(file: str) -> Result:
    """Return whether the process that writes ``file`` is well."""
    try:
        # pathlib would take as long as all the rest.
        overdue = time.time() - os.stat(file).st_mtime  # noqa: PTH116
        with open(file) as text:  # noqa: PTH123
            doing = text.read().strip()
    except OSError:
        return 1, f"no heartbeat in {file}: the process has not started, or HEARTBEAT_FILE differs"
    if overdue > 0:
        return 1, f"last heartbeat {overdue:.0f} s overdue (it said: {doing}): the process is stopped or stuck"
    return 0, doing


def get(url: str, login: str = "") -> tuple[int, str]:
    """Return the status and the beginning of the body that ``url`` answers, straight from its server.

    Raises:
        OSError: there was no answer, or none in time.
        http.client.HTTPException: the answer was not HTTP.
        ValueError: ``url`` is none.
    """
    # Here, since a heartbeat needs none of this.
    from base64 import b64encode
    from http.client import HTTPConnection
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{url!r} is not an http:// URL")
    headers = {"Authorization": f"Basic {b64encode(login.encode()).decode()}"} if login else {}
    connection = HTTPConnection(parts.hostname, parts.port, timeout=TIMEOUT)
    try:
        connection.request("GET", f"{parts.path or '/'}{parts.query and '?' + parts.query}", headers=headers)
        response = connection.getresponse()
        return response.status, " ".join(response.read1(4 * SHOWN).decode(errors="replace").split())[:SHOWN]
    finally:
        connection.close()


def check_http(url: str, logins: str) -> Result:
    """Return whether ``url`` answers 200, and to nobody without a login if ``logins`` names one."""
    from http import HTTPStatus
    from http.client import HTTPException

    login = logins.split(",", maxsplit=1)[0]
    try:
        status, body = get(url, login)
        if status != HTTPStatus.OK:
            return 1, f"{url} answers {status}: {body}"
        if login and (status := get(url)[0]) != HTTPStatus.UNAUTHORIZED:
            return 1, f"{url} answers {status} without a login, and not 401: it is open to everybody"
    except ValueError as error:
        return 2, str(error)
    except (OSError, HTTPException) as error:
        return 1, f"{url} does not answer: {error or type(error).__name__}"
    return 0, f"{url} answers 200"


def check(arguments: list[str]) -> Result:
    """Return what the health check of this command line found; exit status 2 stands for a wrong command line."""
    match arguments:
        case ["heartbeat"] if file := os.environ.get("HEARTBEAT_FILE"):
            return check_heartbeat(file)
        case ["heartbeat"]:
            return 2, "HEARTBEAT_FILE: is not set: set it to the file that the process writes"
        case ["http", url]:
            return check_http(url, os.environ.get("HEALTHCHECK_LOGIN", ""))
    return 2, "usage: python -m trinity_celery.health.probe heartbeat | http URL"


if __name__ == "__main__":
    exit_status, line = check(sys.argv[1:])
    print(line)
    sys.exit(exit_status)
