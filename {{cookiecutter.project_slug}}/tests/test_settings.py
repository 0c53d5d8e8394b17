"""The environment becomes settings, and settings become one Celery configuration for all."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

import pytest
from celery.app.defaults import NAMESPACES, flatten
from celery.exceptions import QueueNotFound
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic_settings import BaseSettings
from trinity_celery import cli
from trinity_celery.config import CelerySettings, load, load_runtime, runtime_of
from trinity_celery.config.environment import unread_variables
from trinity_celery.config.runtime import known_variables
from trinity_celery.config.settings import worker_settings
from trinity_celery.worker import celery_configuration
from trinity_celery.worker.celery_settings import broker_configuration

import shared
from shared.queues import PROJECT
from tests.conftest import sender_for, service_apps
from tests.test_consistency import settings_classes

# Celery reads this without listing it.
UNLISTED = {"redis_backend_health_check_interval"}


def belongs_to_a_plugin(setting: str) -> bool:
    """Whether a setting is named after an installed package other than Celery, whose own tests look after it."""
    prefix = setting.partition("_")[0]
    return prefix not in NAMESPACES and find_spec(prefix) is not None


def test_every_configured_setting_is_one_that_celery_reads() -> None:
    configured = celery_configuration(load_runtime(PROJECT), PROJECT.services[0])
    known = {str(option[0]) for option in flatten(NAMESPACES)} | UNLISTED
    assert {name for name in configured if not belongs_to_a_plugin(name)} - known == set()


def test_services_agree_on_everything_but_the_default_queue() -> None:
    apps = service_apps()
    both = zip(apps, PROJECT.services, strict=True)
    configurations = [celery_configuration(runtime_of(app), service) for app, service in both]
    for app, service, configuration in zip(apps, PROJECT.services, configurations, strict=True):
        assert app.main == PROJECT.name
        assert configuration.pop("task_default_queue") == service.default_queue
        assert {name: app.conf[name] for name in configuration} == configurations[0]


def test_broker_and_results_lie_where_redis_url_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://one/0")
    assert (load(CelerySettings).broker_url, load(CelerySettings).result_backend) == ("redis://one/0",) * 2
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://two/0")
    monkeypatch.setenv("CELERY_RESULT_BACKEND", "redis://three/0")
    assert load(CelerySettings).broker_url == "redis://two/0"
    assert load(CelerySettings).result_backend == "redis://three/0"


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_TASK_TIME_LIMIT", "")
    assert load(CelerySettings) == CelerySettings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (
            "REDIS_URL",
            "localhost:6379",
            "REDIS_URL: is not the URL of a Redis or Valkey server: begin it with redis://",
        ),
        ("REDIS_URL", "redis://:CHANGE_ME@redis/0", "REDIS_URL: still holds CHANGE_ME: put the real value there"),
        ("CELERY_WORKER_CONCURRENCY", "many", "CELERY_WORKER_CONCURRENCY: Input should be a valid integer"),
        ("CELERY_WORKER_POOL", "fork", "CELERY_WORKER_POOL: "),
        ("CELERY_TASK_TIME_LIMIT", "0", "CELERY_TASK_TIME_LIMIT: "),
        ("CELERY_TASK_SOFT_TIME_LIMIT", "600", "CELERY_TASK_SOFT_TIME_LIMIT: 600 s leaves a task no time to clean up"),
        ("CELERY_BROKER_LEASE", "1.5", "CELERY_BROKER_LEASE: 1.5 s is so short that a slow worker's tasks would"),
        ("CELERY_BROKER_LEASE", "-1", "CELERY_BROKER_LEASE: "),
        ("CELERY_TASK_DEFAULT_QUEUE", "typo", "CELERY_TASK_DEFAULT_QUEUE: 'typo' is not a queue of this project"),
    ],
)
def test_bad_value_stops_the_process_and_is_named(
    name: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit) as stopped:
        load_runtime(PROJECT)
    assert str(stopped.value).startswith(message)
    assert len(str(stopped.value).splitlines()) == 1


ODD_NUMBERS = ["nan", "inf", "-inf", "-1", "0", "1e308", "1e400", "1_000", "\u0663", "0x10", " 5 ", "5\n", "9" * 5000]
SECRET = "Canary"
SHOWN = ("_queue", "_scheduler", "_timezone", "_names", "_ca_file")  # ends of the names of what is no secret


def all_settings() -> Iterator[tuple[type[BaseSettings], str]]:
    """Yield each settings class of the project with each of its fields."""
    service_apps()
    for module in [*iter_modules(shared.__path__, "shared."), *iter_modules(cli.__path__, "trinity_celery.cli.")]:
        if not module.name.endswith("_app"):
            import_module(module.name)
    for kind in settings_classes():
        if not kind.__module__.startswith("pydantic"):
            yield from ((kind, name) for name in kind.model_fields)


FIELDS = sorted(all_settings(), key=str)
odd_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
odd_values = st.one_of(
    st.sampled_from([*ODD_NUMBERS, "true", "None", "{queue}", "{queue},x", "{", "a.b:c", "../x", ",", ":", "a:,b:c"]),
    odd_text.map(lambda text: f"{SECRET}{text}"),
    odd_text,
    st.integers().map(str),
    st.floats().map(str),
)


@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=300)
@given(st.sampled_from(FIELDS), odd_values, st.sampled_from(["development", "production"]))
@example((CelerySettings, "celery_result_expires"), "9" * 20, "development")
@example((CelerySettings, "celery_broker_lease"), "inf", "development")
@example((CelerySettings, "dead_letters_limit"), "9" * 20, "development")
def test_odd_value_is_used_or_refused_with_the_name_of_its_variable(
    field: tuple[type[BaseSettings], str], value: str, place: str
) -> None:
    kind, name = field
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("ENVIRONMENT", place)
        environment.setenv("REDIS_URL", "redis://:sesame@redis")
        environment.setenv(name.upper(), value)
        try:
            load(kind)
            configuration = celery_configuration(load_runtime(PROJECT), PROJECT.services[0], "worker")
        except SystemExit as refused:
            said = str(refused)
            assert name.upper() in said or "is required outside development" in said
            assert len(said.splitlines()) == 1
            assert name.endswith(SHOWN) or SECRET[:4] not in said
            return
    assert 0 < configuration["result_failure_expires"] < 2**63 / 1000  # in milliseconds, Redis takes no more
    assert configuration["worker_soft_shutdown_timeout"] < float("inf")
    assert configuration["broker_transport_options"].get("lease", 0) < float("inf")


@pytest.mark.parametrize(
    "name", ["CELERY_WORKER_CONCURRENCY", f"CELERY_WORKER_CONCURRENCY_{PROJECT.queues[-1].identifier.upper()}"]
)
def test_wrong_value_is_said_of_the_variable_that_holds_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "many")
    with pytest.raises(SystemExit, match=f"^{name}: "):
        worker_settings(PROJECT.queues[-1])


def test_visibility_timeout_must_exceed_the_time_limit_where_there_are_no_leases(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CELERY_BROKER_VISIBILITY_TIMEOUT", "600")
    load(CelerySettings)
    monkeypatch.setenv("CELERY_BROKER_LEASE", "0")
    with pytest.raises(SystemExit, match="CELERY_BROKER_VISIBILITY_TIMEOUT: 600 s would run a long task twice"):
        load(CelerySettings)


def test_broker_of_another_kind_is_refused() -> None:
    with pytest.raises(SystemExit, match="CELERY_BROKER_URL: is not the URL of a broker that this project uses: b"):
        broker_configuration(
            load_runtime(PROJECT, CelerySettings(celery_broker_url="sqs://queues.example.org")), "sender"
        )


def test_variable_that_nothing_reads_is_reported_with_the_nearest_name() -> None:
    environment = ["CELERY_BROKER", "CELERY_WORKER_POOOL", "CELERY_BROKER_URL", "PATH"]
    assert unread_variables("CELERY_", known_variables(PROJECT), environment) == [
        "CELERY_BROKER: nothing in this project reads this variable; did you mean CELERY_BROKER_URL?",
        "CELERY_WORKER_POOOL: nothing in this project reads this variable; did you mean CELERY_WORKER_POOL?",
    ]


def test_one_queue_may_have_its_own_concurrency_pool_and_prefetch(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = PROJECT.queues[-1]
    monkeypatch.setenv("CELERY_WORKER_CONCURRENCY", "8")
    monkeypatch.setenv("CELERY_WORKER_POOL", "prefork")
    assert worker_settings(queue).celery_worker_concurrency == 8
    monkeypatch.setenv(f"CELERY_WORKER_CONCURRENCY_{queue.identifier.upper()}", "1")
    monkeypatch.setenv(f"CELERY_WORKER_POOL_{queue.identifier.upper()}", "solo")
    monkeypatch.setenv(f"CELERY_WORKER_PREFETCH_MULTIPLIER_{queue.identifier.upper()}", "4")
    assert worker_settings(queue).celery_worker_prefetch_multiplier == 4
    assert worker_settings(queue).celery_worker_concurrency == 1
    assert worker_settings(queue).celery_worker_pool == "solo"


def test_a_queue_that_is_not_declared_is_refused() -> None:
    with pytest.raises(QueueNotFound):
        sender_for({}).send_task("any.task", queue="typo")
    assert {queue.name for queue in sender_for({}).conf.task_queues} == set(load_runtime(PROJECT).all_queues())


def test_shared_code_can_be_imported_alone() -> None:
    for name in ("celery_settings", "contracts", "queues"):
        assert import_module(f"shared.{name}")
