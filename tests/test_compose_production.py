"""``compose.prod.yaml`` of the default project, from images that were built: what it promises, attacked.

One project is rendered and built for the tests of this module that share a process; each has a stack of its own.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.commands import PYTHON, run
from tests.compose import ComposeStack, free_port, wait_until
from tests.conftest import Bake
from tests.test_compose_development import ACROSS, SERVICES

pytestmark = [pytest.mark.docker, pytest.mark.slow]

IMAGE = "registry.example/acme/trinity"
LAST_LINE = "that was all"
SIZE_BUDGET = 250  # MB, of each image
HOST = "shop.example"
SERVERS = {"redis", "postgres"}
PROCESSES = {"web", "fastapi", "celery-platform", "celery-atom", "celery-beat", "flower"}
WEB_SERVICES = {"web", "fastapi"}  # these go on answering while one of their processes does
CHROMIUM = ("chromium", "chromium-browser", "google-chrome")

NAPS = '''\
"""Tasks that take a while, and a count of how often each was done."""

from time import sleep

from redis import Redis

from app.celery_app import celery_app
from trinity_celery.config import load
from trinity_celery.config import CelerySettings


@celery_app.task(ignore_result=False)
def nap(name: str, seconds: float) -> None:
    sleep(seconds)
    Redis.from_url(load(CelerySettings).redis_url).hincrby("naps", name, 1)
'''
SEND_NAPS = """
from app.celery_app import celery_app
for number in range({start}, {stop}):
    celery_app.send_task("app.naps.tasks.nap", (f"nap-{{number}}", {seconds}))
"""


@pytest.fixture(scope="module")
def built(bake: Bake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A project with a slow task added, and the tag of its images."""
    project = shutil.copytree(bake(), tmp_path_factory.mktemp("production") / "trinity")
    package = project / "app/naps"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "tasks.py").write_text(NAPS)
    tag = f"test-{project.parent.name}-{time.time_ns()}"
    ended = run(["make", f"PYTHON={PYTHON}", "images", f"IMAGE={IMAGE}", f"IMAGE_TAG={tag}"], project)
    assert ended.returncode == 0, ended.stdout[-3000:]
    yield project, tag
    remove_images(tag)


def test_images_are_listed_with_their_sizes(built: tuple[Path, str]) -> None:
    ended = run(["make", f"PYTHON={PYTHON}", "images", f"IMAGE={IMAGE}", f"IMAGE_TAG={built[1]}"], built[0])
    for service in ("django", "fastapi", "flower"):
        assert re.search(rf"^{IMAGE}-{service} +{built[1]} .* \d+MB$", ended.stdout, re.MULTILINE), ended.stdout


def remove_images(tag: str) -> None:
    """Forget what a test has built; images whose containers are still there stay."""
    listed = run(["docker", "image", "ls", "--quiet", "--filter", f"reference={IMAGE}-*:{tag}"], Path()).stdout.split()
    run(["docker", "image", "rm", "--force", *listed], Path())


@pytest.fixture
def stack(built: tuple[Path, str], tmp_path: Path) -> Iterator[ComposeStack]:
    """What a deployment consists of: two files, a folder, and settings made by ``make secrets``."""
    source, tag = built
    project = tmp_path / "deployment"
    shutil.copytree(source, project, ignore=shutil.ignore_patterns("app", "backend", "shared", "config", "packages"))
    assert run(["make", f"PYTHON={PYTHON}", "secrets"], project).returncode == 0
    stack = ComposeStack(
        project,
        "prod",
        SCHEDULE_TICK_SECONDS="2",
        CELERY_TASK_SOFT_TIME_LIMIT="55",
        CELERY_TASK_TIME_LIMIT="60",
    )
    stack.env_prod(IMAGE=IMAGE, IMAGE_TAG=tag, DJANGO_ALLOWED_HOSTS=HOST)
    yield stack
    stack.remove()


def in_image(built: tuple[Path, str], service: str, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a container of its own.

    On a busy machine, Docker now and then loses what such a container prints. Whatever holds the last line holds all.
    """
    image = f"{IMAGE}-{service}:{built[1]}"
    script = f"({command}); status=$?; echo {LAST_LINE}; exit $status"
    for _ in range(5):
        ended = subprocess.run(
            ["docker", "run", "--rm", image, "sh", "-c", script], capture_output=True, text=True, check=False
        )
        if ended.stdout.endswith(f"{LAST_LINE}\n"):
            ended.stdout = ended.stdout.removesuffix(f"{LAST_LINE}\n")
            return ended
    raise AssertionError(f"Docker does not say what {command!r} prints: {ended}")


@pytest.mark.parametrize(
    ("service", "has", "lacks"),
    [
        (
            "django",
            ["django", "redbeat", "backend", "trinity_celery"],
            ["fastapi", "uvicorn", "flower", "app", "pytest", "watchfiles"],
        ),
        (
            "fastapi",
            ["fastapi", "app", "trinity_celery"],
            ["django", "gunicorn", "redbeat", "flower", "backend", "config", "pytest"],
        ),
        (
            "flower",
            ["flower", "shared", "trinity_celery"],
            ["django", "fastapi", "redbeat", "backend", "app", "config", "pytest"],
        ),
    ],
)
def test_image_holds_its_own_service_only(
    service: str,
    has: list[str],
    lacks: list[str],
    built: tuple[Path, str],
    record_property: Callable[[str, object], None],
) -> None:
    find = "from importlib.util import find_spec; print([bool(find_spec(name)) for name in {}])"
    ended = in_image(built, service, f'python -c "{find.format([*has, *lacks])}"')
    assert ended.stdout.strip() == str([True] * len(has) + [False] * len(lacks)), ended
    tools = in_image(built, service, "command -v gcc cc make pip uv git curl; python -m pip --version")
    assert tools.stdout == ""
    assert in_image(built, service, "id -u").stdout.strip() == "10001"
    assert in_image(built, service, "touch /app/x").returncode != 0
    size = json.loads(run(["docker", "inspect", f"{IMAGE}-{service}:{built[1]}"], Path()).stdout)[0]["Size"] / 1e6
    record_property("MB", round(size))
    print(f"{service}: {size:.0f} MB of {SIZE_BUDGET}")
    assert size < SIZE_BUDGET


def test_both_services_have_the_same_celery(built: tuple[Path, str]) -> None:
    versions = {
        in_image(
            built, service, "python -c 'import celery, kombu, redis; print(celery.__version__, kombu.__version__)'"
        ).stdout
        for service in ("django", "fastapi", "flower")
    }
    assert len(versions) == 1


def test_change_of_code_leaves_the_packages_alone(built: tuple[Path, str], tmp_path: Path) -> None:
    project = shutil.copytree(built[0], tmp_path / "trinity")
    queues = project / "shared/queues.py"
    queues.write_text(queues.read_text() + "\n# a change\n")
    tag = f"{built[1]}-changed"
    ended = run(["make", f"PYTHON={PYTHON}", "images", f"IMAGE={IMAGE}", f"IMAGE_TAG={tag}"], project)
    assert ended.returncode == 0, ended.stdout[-3000:]
    layers = [
        json.loads(run(["docker", "inspect", f"{IMAGE}-django:{name}"], tmp_path).stdout)[0]["RootFS"]["Layers"]
        for name in (built[1], tag)
    ]
    remove_images(tag)
    assert [len(set(layers[0]) - set(layers[1])), len(layers[0])] == [1, len(layers[1])]


def test_placeholder_is_refused_before_a_server_starts(stack: ComposeStack) -> None:
    """PARITY A6. A server would keep the placeholder as its password."""
    stack.env_prod(POSTGRES_PASSWORD="CHANGE_ME", DJANGO_ALLOWED_HOSTS="CHANGE_ME")
    ended = stack.try_compose("up", "--detach", "--wait")
    assert ended.returncode != 0
    log = stack.compose("logs", "--no-log-prefix", "check-settings")
    for name in ("POSTGRES_PASSWORD", "DATABASE_URL", "DJANGO_ALLOWED_HOSTS"):
        assert f"{name}: still holds CHANGE_ME: put the real value there\n" in log
    assert {container["State"]["Status"] for service in SERVERS for container in stack.containers(service)} == {
        "created"
    }
    said = stack.make("up").stdout.splitlines()
    assert said[0] == (
        "error: .env.prod: POSTGRES_PASSWORD, DJANGO_ALLOWED_HOSTS: still CHANGE_ME: put the real value there"
    )


def test_missing_settings_and_servers_are_said_in_one_line(stack: ComposeStack) -> None:
    """PARITY A6."""
    stack.env_prod(DATABASE_URL="postgres://trinity:secret@nowhere.invalid:5432/trinity")
    ended = stack.make("up")
    assert ended.returncode != 0
    assert re.search(r"^error: DATABASE_URL: .*nowhere\.invalid:5432 .*", ended.stdout, re.MULTILINE), ended.stdout
    assert "secret@" not in ended.stdout
    assert stack.containers() == []
    (stack.project / ".env.prod").unlink()
    ended = stack.make("up")
    assert ended.returncode != 0
    assert ended.stdout.splitlines()[0] == "error: .env.prod is missing: `make secrets` writes it"


def send_naps(stack: ComposeStack, start: int, stop: int, seconds: float) -> None:
    code = SEND_NAPS.format(start=start, stop=stop, seconds=seconds)
    stack.compose("exec", "--no-TTY", "fastapi", "python", "-c", code)


def naps_done(stack: ComposeStack) -> dict[str, int]:
    """Return how often each nap was taken."""
    lines = stack.compose("exec", "--no-TTY", "redis", "valkey-cli", "hgetall", "naps").split()
    return {name: int(count) for name, count in zip(lines[::2], lines[1::2], strict=True)}


def test_no_task_is_lost_when_a_worker_dies_or_all_of_it_stops(stack: ComposeStack) -> None:
    """PARITY B10, D3: tasks from and to both services, a worker killed, a queue scaled, a graceful stop."""
    stack.up()
    for container in stack.containers():
        published = [port for ports in container["NetworkSettings"]["Ports"].values() for port in ports or []]
        assert {port["HostIp"] for port in published} <= {"127.0.0.1"}
        assert container["HostConfig"]["ReadonlyRootfs"]
    check_redis(stack)
    for port, queue in SERVICES.values():
        for target in ("platform", "atom"):
            status = stack.finished(port, stack.send(port, f"/queues/{target}/ping", Host=HOST), Host=HOST)
            assert (status["result"], status["queue"]) == ("pong", target), queue
    for port, path, body in ACROSS:
        assert stack.finished(port, stack.send(port, path, body, Host=HOST), Host=HOST)["state"] == "succeeded"

    send_naps(stack, 0, 12, 3)
    wait_until(lambda: naps_done(stack), 30, "the first naps are taken")
    stack.signal("celery-atom", "KILL")
    stack.wait_for_state("celery-atom", "healthy")
    assert stack.container("celery-atom")["RestartCount"] == 1
    stack.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "celery-atom=2", "celery-atom")
    assert [container["State"]["Health"]["Status"] for container in stack.containers("celery-atom")] == ["healthy"] * 2
    everything = {f"nap-{number}" for number in range(12)}
    wait_until(lambda: set(naps_done(stack)) == everything, 150, "every nap is taken, also those of the killed worker")

    workers = set()
    for _ in range(12):
        status = stack.finished("FASTAPI_PORT", stack.send("FASTAPI_PORT", "/queues/atom/ping"))
        workers.add(status["worker"])
    assert len(workers) == 2

    send_naps(stack, 12, 24, 4)
    wait_until(lambda: len(naps_done(stack)) > 12, 30, "the next naps are taken")
    stack.compose("stop")
    codes = {
        container["Name"]: container["State"]["ExitCode"]
        for container in stack.containers()
        if not is_server(container)
    }
    assert set(codes.values()) == {0}, codes
    stack.up()
    everything = {f"nap-{number}" for number in range(24)}
    wait_until(lambda: set(naps_done(stack)) == everything, 150, "every nap is taken, also those that were stopped")
    assert stack.make("down").returncode == 0
    assert stack.containers() == []


def check_redis(stack: ComposeStack) -> None:
    """It wants a password, writes down what it has, and refuses what does not fit rather than drop what is there."""

    def said(*command: str) -> str:
        # Asked again when Docker has lost it.
        return wait_until(lambda: stack.try_compose("exec", "--no-TTY", "redis", *command).stdout, 20, "Redis answers")

    assert "NOAUTH" in said("env", "-u", "REDISCLI_AUTH", "valkey-cli", "ping")
    for name, value in {"maxmemory-policy": "noeviction", "appendonly": "yes", "maxmemory": str(700 * 2**20)}.items():
        assert said("valkey-cli", "config", "get", name).split() == [name, value]


def is_server(container: dict[str, object]) -> bool:
    return any(f"-{name}-" in str(container["Name"]) for name in SERVERS)


def test_health_is_true(stack: ComposeStack) -> None:
    """Stopped: unhealthy. Killed: restarted. Busy: healthy. A server away: said by name, and nobody is restarted."""
    stack.up()
    assert stack.http("DJANGO_PORT", "/admin/login/", Host=HOST)[0] == 200
    assert stack.http("DJANGO_PORT", "/admin/login/", Host="elsewhere.example")[0] == 400
    assert len(stack.processes("web")) == 3  # gunicorn and WEB_CONCURRENCY workers
    assert stack.compose("logs", "fastapi").count("Started server process") == 2
    (style,) = re.findall(
        r'href="(/static/admin/css/base\.[0-9a-f]+\.css)"', stack.http("DJANGO_PORT", "/admin/login/", Host=HOST)[1]
    )
    assert stack.http("DJANGO_PORT", style, Host=HOST)[0] == 200

    send_naps(stack, 0, 2, 50)  # as many as the worker takes at once
    stopped = PROCESSES - {"celery-atom"}

    def all_stopped_are(state: str) -> bool:
        assert stack.state("celery-atom") == "healthy"  # it is only busy
        return {stack.state(service) for service in stopped} == {state}

    for signal, state in (("STOP", "unhealthy"), ("CONT", "healthy")):
        for service in stopped:
            stack.signal(service, signal, children=service in WEB_SERVICES)
        wait_until(partial(all_stopped_are, state), 120, f"what got SIG{signal} is {state}")
    wait_until(lambda: all_stopped_are("healthy") and naps_done(stack), 60, "the worker is done")

    # Beat has been restarted already: while it stood still, another one might have taken its lock.
    restarts = {service: stack.container(service)["RestartCount"] for service in PROCESSES}
    for service in PROCESSES:
        stack.signal(service, "KILL")
    for service in PROCESSES:
        stack.wait_for_state(service, "healthy", 120)
        assert stack.container(service)["RestartCount"] == restarts[service] + 1, service

    for server, problem in (("postgres", "database"), ("redis", "broker")):
        stack.compose("stop", server)
        started = time.monotonic()
        code, body = stack.http("DJANGO_PORT", "/health/ready")
        assert (code, time.monotonic() - started < 3) == (503, True)
        assert problem in json.loads(body)["problems"], body
        assert stack.http("FASTAPI_PORT", "/health/ready")[0] == 503
        assert stack.http("DJANGO_PORT", "/health/live")[0] == 200
        if server == "redis":
            time.sleep(40)  # longer than a heartbeat lasts
        assert {stack.state(service) for service in PROCESSES - {"celery-beat"}} == {"healthy"}
        stack.compose("start", server)
        wait_until(lambda: stack.http("DJANGO_PORT", "/health/ready")[0] == 200, 60, f"{server} is back")
    status = stack.finished("FASTAPI_PORT", stack.send("FASTAPI_PORT", "/queues/platform/ping"))
    assert status["result"] == "pong"
    stack.wait_for_state("celery-beat", "healthy", 120)


def refreshes(stack: ComposeStack) -> int:
    return int(json.loads(stack.http("FASTAPI_PORT", "/atom/statistics")[1])["refreshes"])


def test_second_beat_waits(stack: ComposeStack) -> None:
    """PARITY C3: with RedBeat two may run; one fires."""
    stack.up()
    stack.compose("up", "--detach", "--wait", "--no-recreate", "--scale", "celery-beat=2", "celery-beat")
    checks = [container["State"]["Health"]["Log"][-1]["Output"] for container in stack.containers("celery-beat")]
    assert sorted("waiting for the lock" in check for check in checks) == [False, True]
    wait_until(lambda: refreshes(stack) > 1, 60, "the schedule fires")
    counts = []
    for _ in range(3):
        counts.append(refreshes(stack))
        time.sleep(8)
    assert all(3 <= after - before <= 5 for before, after in pairwise(counts)), counts  # every 2 s


def test_flower_wants_a_login_and_shows_workers_and_tasks(stack: ComposeStack, tmp_path: Path) -> None:
    """PARITY B7, B10: in a real browser."""
    stack.up()
    assert stack.http("FLOWER_PORT", "/workers")[0] == 401
    assert stack.http("FLOWER_PORT", "/api/tasks")[0] == 401
    found = re.search(r"^FLOWER_BASIC_AUTH=(\w+):(.+)$", (stack.project / ".env.prod").read_text(), re.MULTILINE)
    assert found
    program = next(path for name in CHROMIUM if (path := shutil.which(name)))
    address = f"http://127.0.0.1:{stack.environment['FLOWER_PORT']}"
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-proxy-server"]
        browser = playwright.chromium.launch(executable_path=program, args=options)
        page = browser.new_page(http_credentials={"username": found[1], "password": found[2]})
        page.goto(f"{address}/workers")
        for queue in ("platform", "atom"):
            page.get_by_text(re.compile(rf"^{queue}@")).first.wait_for()

        def shows_a_ping() -> bool:
            # Flower sees what happens after it has asked the workers to report.
            stack.finished("DJANGO_PORT", stack.send("DJANGO_PORT", "/queues/atom/ping", Host=HOST), Host=HOST)
            page.goto(f"{address}/tasks")
            page.locator("input[type=search]").fill("ping")
            page.wait_for_timeout(1000)
            return page.get_by_text("app.atom.tasks.ping").first.is_visible()

        wait_until(shows_a_ping, 60, "Flower shows a task")
        page.screenshot(path=str(tmp_path / "flower.png"))
        browser.close()


def test_reverse_proxy_of_the_guide_works(stack: ComposeStack, built: tuple[Path, str], tmp_path: Path) -> None:
    guide = (built[0] / "docs/deploy.md").read_text()
    (example,) = re.findall(r"^```nginx\n(.*?)^```", guide, re.MULTILINE | re.DOTALL)
    site = tmp_path / "site.conf"
    site.write_text(example.replace("127.0.0.1", "web"))
    stack.compose("up", "--detach", "--wait", "web")
    stack.environment["PROXY_PORT"] = str(free_port())
    project, port = stack.environment["COMPOSE_PROJECT_NAME"], stack.environment["PROXY_PORT"]
    name = f"{project}-proxy"
    where = ["--network", f"{project}_default", "--publish", f"127.0.0.1:{port}:80"]
    what = ["--volume", f"{site}:/etc/nginx/conf.d/default.conf:ro", "nginx:alpine"]
    started = run(["docker", "run", "--detach", "--rm", "--name", name, *where, *what], tmp_path)
    try:
        assert started.returncode == 0, started.stdout
        wait_until(lambda: "nginx" in run(["docker", "top", name], tmp_path).stdout, 30, "nginx runs")
        time.sleep(1)
        assert stack.http("PROXY_PORT", "/admin/login/", Host=HOST)[0] == 200
        assert stack.http("PROXY_PORT", "/admin/login/", Host="elsewhere.example")[0] == 400
    finally:
        run(["docker", "rm", "--force", name], tmp_path)
