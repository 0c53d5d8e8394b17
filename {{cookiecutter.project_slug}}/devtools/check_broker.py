"""Say in one line that no broker answers, before a process would try again and again."""

import socket
from urllib.parse import urlsplit

from trinity_celery.brokers import find_broker
from trinity_celery.config import CelerySettings, load

from devtools.run_file import RUN_FILE


def main() -> None:
    """Try to reach the broker.

    Raises:
        SystemExit: nobody listens there.
    """
    settings = load(CelerySettings)
    url = urlsplit(settings.broker_url)
    address = (url.hostname or "127.0.0.1", url.port or find_broker(settings.broker_url).default_port)
    try:
        socket.create_connection(address, 2).close()
    except OSError:
        hint = "run `make dev` or `make broker` in another terminal, or set REDIS_URL in .env"
        if RUN_FILE.exists():
            hint = f"{RUN_FILE} names it, but what wrote that file has ended: delete the file"
        raise SystemExit(f"error: no broker answers at {url.scheme}://{address[0]}:{address[1]}: {hint}") from None


if __name__ == "__main__":
    main()
