"""What a server refuses for good ends each process but a web service in one line."""

from urllib.parse import urlsplit

from devtools.stack import Stack, procfile
from devtools.web_services import WEB_SERVICES


def test_every_process_but_a_web_service_ends_in_one_line(broker: Stack) -> None:
    processes = procfile().keys() - {"release", *(service.process for service in WEB_SERVICES)}
    results = urlsplit(broker.environment["REDIS_URL"])._replace(path="/99").geturl()
    for name in processes:
        broker.start(f"{name}-refused", procfile()[name], {"CELERY_RESULT_BACKEND": results})
    for name in processes:
        assert broker.wait(f"{name}-refused", 60) == 1
        log = broker.log(f"{name}-refused").read_text()
        assert log.count(" refuses the number of the database (DB index is out of range); correct the variable") == 1
        assert "Traceback" not in log
