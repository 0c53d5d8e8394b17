"""What is wrong with the URL of a server, in words that show no part of it, as any part may be one of the password.

https://datatracker.ietf.org/doc/html/rfc3986#section-2.1
"""

import re
from urllib.parse import urlsplit

ENCODE = (
    "percent-encode name and password, in which only letters, digits and -._~ may stand as they are "
    "(%40 for @, %3A for :, %2F for /, %23 for #, %25 for %)"
)
REDIS_SCHEMES = ("redis", "rediss")


def name_server(variable: str, url: str, default_port: int) -> str:
    """Return how a message calls the server at ``url``: by ``variable``, which names it, and its address."""
    parts = urlsplit(url)
    return f"{variable}: the server at {parts.hostname}:{parts.port or default_port}"


def find_url_problem(url: str, *, needs_host: bool = True) -> str | None:
    """Return what is wrong with the URL of any server, and what would be right; ``None``: nothing."""
    if "://" not in url:
        return "is not a URL: write the kind of server, '://' and its host"
    if " " in url or not url.isprintable():
        return f"holds a space or a character that cannot be printed: {ENCODE}"
    if "#" in url:
        return f"holds '#', with which the URL ends: {ENCODE}"
    if ";" in url:  # at which Celery would split it
        return f"holds ';': name one server, and {ENCODE}"
    if re.search("%(?![0-9A-Fa-f]{2})", url):
        return f"holds '%' without two hexadecimal digits after it: {ENCODE}"
    server, *rest = re.split("[/?]", url.partition("://")[2], maxsplit=1)
    if server.count("@") > 1 or any("@" in part for part in rest):
        return f"holds '@', '/' or '?' in name or password: {ENCODE}"
    return _find_server_problem(url, needs_host)


def _find_server_problem(url: str, needs_host: bool) -> str | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError:  # whose message quotes what may be a part of the password
        return f"its host or port cannot be read (ports are 1 to 65535, IPv6 stands in [brackets]): {ENCODE}"
    if needs_host and not host:
        return "names no host: write it after '://', or after the '@' that ends the password"
    return "its port is 0: use a number from 1 to 65535" if port == 0 else None


def find_redis_url_problem(url: str) -> str | None:
    """Return what is wrong with the URL of a Redis or Valkey server, and what would be right; ``None``: nothing."""
    parts = re.match("([^:/?#]*)://", url)
    if not parts or parts[1] not in REDIS_SCHEMES:
        return "is not the URL of a Redis or Valkey server: begin it with redis:// or rediss://"
    if problem := find_url_problem(url):
        return problem
    if not re.fullmatch("/?[0-9]{0,9}", urlsplit(url).path, re.ASCII):
        return "its database must be a number, as the 0 of redis://HOST:6379/0"
    # Its clients, of which Celery has several, read different ones.
    return "options after '?' are not supported: leave them out" if "?" in url else None


def find_database_url_problem(url: str) -> str | None:
    """Return what is wrong with the URL of a database, and what would be right; ``None``: nothing."""
    if not re.match("(postgres|postgresql|sqlite)://", url):
        return "is not a database URL: use postgres://... or sqlite:///file"
    if not url.isprintable() or "%00" in url:
        return "holds a character that cannot be printed"
    if url.startswith("sqlite:"):
        is_file = re.fullmatch("sqlite://(/.*|:memory:)?", url)
        return None if is_file else "names a server, and SQLite is a file: use sqlite:///file"
    return find_url_problem(url, needs_host=False)  # PostgreSQL's local socket needs none
