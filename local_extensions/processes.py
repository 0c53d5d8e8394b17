"""Which processes, images and servers the answers ask for: data for ``Procfile`` and the Compose files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

BOTH = "both"
NEEDED = "run `make secrets`, then fill in .env.prod"

# What a service has to do to its tables before its processes start.
RELEASE_COMMANDS = {"django": "python manage.py migrate --noinput", "fastapi": "python -m app.create_tables"}


@dataclass(frozen=True)
class Variable:
    """An environment variable that not every process gets, with its value in each Compose file."""

    name: str
    development: str
    production: str


@dataclass(frozen=True)
class Image:
    """A container image: what ``docker/Dockerfile`` is told to put into it."""

    name: str
    groups: tuple[str, ...]
    code: tuple[str, ...] = ("shared",)
    prepare: str = "true"


@dataclass(frozen=True)
class Process:
    """A line of ``Procfile``, and a service of the Compose files.

    Attributes:
        name: what both call it.
        image: what it runs from.
        command: the command in ``Procfile``.
        container_command: the command in a container, where ports are fixed and addresses the container's own.
        development_command: the same, beginning anew when code changes.
        check: arguments of ``trinity_celery.health.probe``.
        port: where it listens, in its container and by default on the machine; 0: nowhere.
        port_variable: the variable that moves that port on the machine.
        variables: what it gets beside ``x-celery-env``.
        volumes: under this key, the one that it needs in production.
    """

    name: str
    image: Image
    command: str
    container_command: str
    development_command: str
    check: str
    port: int = 0
    port_variable: str = ""
    variables: tuple[Variable, ...] = ()
    volumes: dict[str, str] = field(default_factory=dict)

    @property
    def development(self) -> dict[str, str]:
        """Keys of Compose that not every process has, each with the one element of its list."""
        if not self.port:
            return {}
        return {"ports": f"127.0.0.1:${{{self.port_variable}:-{self.port}}}:{self.port}"}

    @property
    def production(self) -> dict[str, str]:
        """The same for production."""
        return self.development | self.volumes


@dataclass(frozen=True)
class Layout:
    """The answers, as far as processes depend on them."""

    slug: str
    services: tuple[str, ...]
    queues: tuple[tuple[str, str], ...]  # name and owner
    broker: str
    beat_scheduler: str
    flower: bool

    @property
    def database(self) -> str:
        """The name of the database and of its user."""
        return self.slug.replace("-", "_")

    @property
    def releases(self) -> tuple[str, ...]:
        """The files in ``docker/dev`` and ``docker/prod`` for release commands that need an image of their own."""
        return ("app-tables",) if len(self.services) > 1 else ()

    @property
    def development_files(self) -> tuple[str, ...]:
        """The files in ``docker/dev``."""
        return (*self.servers, *self.releases)

    @property
    def production_files(self) -> tuple[str, ...]:
        """The files in ``docker/prod``, which also hold volumes."""
        return (*self.servers, *self.releases, *(("beat",) if self.beat_scheduler == "file" else ()))

    @property
    def release_needs(self) -> dict[str, str]:
        """What the release command of the Compose files waits for, with the condition."""
        servers = dict.fromkeys(self.servers, "service_healthy")
        return servers | dict.fromkeys(self.releases, "service_completed_successfully")

    def more_passwords(self, value: str) -> str:
        """Return lines of an env file, each after a line break: the passwords of all servers but the first."""
        return "".join(f"\n{server.upper()}_PASSWORD={value}" for server in self.servers[1:])

    def database_url(self, password: str) -> str:
        """Return where the database of the Compose files is."""
        return f"postgres://{self.database}:{password}@postgres:5432/{self.database}"

    def broker_url(self, password: str) -> str:
        """Return where the broker of the Compose files is; empty: the same server as for results."""
        return f"amqp://{self.slug}:{password}@rabbitmq:5672//" if self.broker == "rabbitmq" else ""

    @property
    def release_commands(self) -> tuple[str, ...]:
        """What ``Procfile`` has to do before the processes start."""
        return tuple(RELEASE_COMMANDS[service] for service in self.services)

    @property
    def release_command(self) -> str:
        """What the Compose files run to its end before the processes start, in the image of the first service."""
        return f"sh -c 'trinity check && {self.release_commands[0]}'"

    @property
    def has_beat(self) -> bool:
        """Whether there are periodic tasks."""
        return self.beat_scheduler != "none"

    @property
    def servers(self) -> tuple[str, ...]:
        """The servers that the processes need, as the Compose files call them."""
        return ("redis", "postgres", *(("rabbitmq",) if self.broker == "rabbitmq" else ()))


def _required(name: str) -> str:
    return f"${{{name}:?{NEEDED}}}"


def _passed(*names: str) -> tuple[Variable, ...]:
    return tuple(Variable(name, f"${{{name}-}}", f"${{{name}-}}") for name in names)


def _schedule_variables(layout: Layout) -> tuple[Variable, ...]:
    """Return what everybody needs to know about beat: to which queues it sends, and on whose clock."""
    return _passed("CELERY_BEAT_QUEUE", "CELERY_TIMEZONE") if layout.has_beat else ()


def _service_variables(layout: Layout, image: str) -> tuple[Variable, ...]:
    """Return what every process of a service needs; ``image`` is the service's, or the one for both."""
    url = layout.database_url("${POSTGRES_PASSWORD:-development}")
    database = Variable("DATABASE_URL", url, _required("DATABASE_URL"))
    key = Variable("DJANGO_SECRET_KEY", "${DJANGO_SECRET_KEY-}", _required("DJANGO_SECRET_KEY"))
    return (database,) if image == "fastapi" else (database, key)


def _web_variables() -> tuple[Variable, ...]:
    # Behind a reverse proxy, which is the only one that reaches the port.
    return (
        Variable("WEB_CONCURRENCY", "1", "${WEB_CONCURRENCY:-2}"),
        Variable("FORWARDED_ALLOW_IPS", "127.0.0.1", "*"),
    )


def images(layout: Layout) -> dict[str, Image]:
    """Return the images by name. Beat runs from the first service's."""
    beat = ("beat",) if layout.beat_scheduler in ("redbeat", "database") else ()
    found = {}
    if "django" in layout.services:
        code = ("backend", "config", "manage.py", "shared")
        found["django"] = Image("django", ("django", *beat), code, "python manage.py collectstatic --noinput")
    if "fastapi" in layout.services:
        groups = ("fastapi",) if "django" in found else ("fastapi", *beat)
        found["fastapi"] = Image("fastapi", groups, ("app", "shared"))
    if any(owner == BOTH for _, owner in layout.queues):
        folders = ("app", "backend", "combined", "config", "shared")
        found["combined"] = Image("combined", ("django", "fastapi", *beat), folders)
    if layout.flower:
        found["flower"] = Image("flower", ("flower",))
    return found


def _web_process(layout: Layout, service: str) -> Process:
    name, variable, port, command = {
        "django": (
            "web",
            "DJANGO_PORT",
            8000,
            "python -m gunicorn config.wsgi --bind {}:{} --threads 4 --no-control-socket",
        ),
        "fastapi": ("fastapi", "FASTAPI_PORT", 8001, "python -m uvicorn app.main:app --host {} --port {}"),
    }[service]
    in_container = command.format("0.0.0.0", port)
    variables = _service_variables(layout, service)
    if service == "django":
        hosts = Variable("DJANGO_ALLOWED_HOSTS", "127.0.0.1,localhost", _required("DJANGO_ALLOWED_HOSTS"))
        variables = (*variables, hosts)
    variables = (*variables, *_web_variables(), *_schedule_variables(layout))
    return Process(
        name=name,
        image=images(layout)[service],
        command=command.format("127.0.0.1", f"${variable}"),
        container_command=in_container,
        development_command=f"{in_container} --reload",
        check=f"http http://127.0.0.1:{port}/health/live",
        port=port,
        port_variable=variable,
        variables=variables,
    )


def _reloading(command: str, image: Image) -> str:
    """Return ``command`` such that it begins anew when code of its image changes."""
    folders = " ".join(part for part in image.code if not part.endswith(".py"))
    return f"watchfiles --filter python '{command}' {folders}"


def _celery_process(layout: Layout, name: str, image: str, command: str, *variables: Variable) -> Process:
    return Process(
        name=name,
        image=images(layout)[image],
        command=command,
        container_command=command,
        development_command=_reloading(command, images(layout)[image]),
        check="heartbeat",
        variables=(
            Variable("HEARTBEAT_FILE", "/tmp/heartbeat", "/tmp/heartbeat"),
            *_service_variables(layout, image),
            *variables,
            *_schedule_variables(layout),
        ),
    )


def _worker_process(layout: Layout, queue: str, owner: str) -> Process:
    suffix = queue.upper().replace("-", "_").replace(".", "_")
    options = ("CONCURRENCY", "POOL", "PREFETCH_MULTIPLIER")
    variables = _passed(*(f"CELERY_WORKER_{option}_{suffix}" for option in options))
    image = "combined" if owner == BOTH else owner
    command = f"trinity worker {queue}"
    return _celery_process(layout, f"celery-{queue.replace('.', '-')}", image, command, *variables)


def _beat_process(layout: Layout) -> Process:
    variables = _passed("CELERY_BEAT_LOGLEVEL", "CELERY_BEAT_SCHEDULER", "SCHEDULE_TICK_SECONDS")
    volumes = {}
    if layout.beat_scheduler == "file":
        name = "celerybeat-schedule"
        variables = (*variables, Variable("BEAT_SCHEDULE_FILENAME", f"/tmp/{name}", f"/data/{name}"))
        volumes = {"volumes": "beat-schedule:/data"}
    command = "trinity beat"
    made = _celery_process(layout, "celery-beat", layout.services[0], command, *variables)
    return replace(made, volumes=volumes)


def _flower_process(layout: Layout) -> Process:
    command = "trinity flower"
    login = Variable("FLOWER_BASIC_AUTH", "${FLOWER_BASIC_AUTH-}", _required("FLOWER_BASIC_AUTH"))
    return Process(
        name="flower",
        image=images(layout)["flower"],
        command=command,
        container_command=command,
        development_command=_reloading(command, images(layout)["flower"]),
        check="http http://127.0.0.1:5555/workers",
        port=5555,
        port_variable="FLOWER_PORT",
        variables=(
            login,
            Variable("HEALTHCHECK_LOGIN", login.development, "${FLOWER_BASIC_AUTH}"),
            Variable("FLOWER_ADDRESS", "0.0.0.0", "0.0.0.0"),
        ),
    )


def processes(layout: Layout) -> Iterator[Process]:
    """Yield the processes in the order in which people look at them."""
    for service in layout.services:
        yield _web_process(layout, service)
    for queue, owner in layout.queues:
        yield _worker_process(layout, queue, owner)
    if layout.has_beat:
        yield _beat_process(layout)
    if layout.flower:
        yield _flower_process(layout)


def check_variables(layout: Layout) -> list[Variable]:
    """Return what has to be right before production starts: everything that somebody must set, and passwords."""
    required = {
        variable.name: variable
        for process in processes(layout)
        for variable in process.variables
        if NEEDED in variable.production
    }
    passwords = [f"{server.upper()}_PASSWORD" for server in layout.servers]
    schedule = _schedule_variables(layout)
    return [*required.values(), *(Variable(name, "", _required(name)) for name in passwords), *schedule]


def release_variables(layout: Layout) -> list[Variable]:
    """Return what the release command gets beside ``x-celery-env``."""
    return [*_service_variables(layout, layout.services[0]), *_schedule_variables(layout)]
