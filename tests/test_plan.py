"""What an answer means: ``local_extensions.plan``."""

import json
import re

import pytest
from cookiecutter.exceptions import FailedHookException

from local_extensions import Plan, plan
from local_extensions.answers import RESERVED_QUEUES, RESERVED_SLUGS, Queue, check_services, check_text, default_queues
from local_extensions.files import REMOVE_UNLESS
from local_extensions.processes import BOTH
from tests.bad_answers import BAD_ANSWERS, BadAnswer
from tests.matrix import QUESTIONS, ROOT, Answers


def complete(**answers: object) -> Answers:
    """Return ``answers`` with everything else left at its default."""
    asked = {key: value for key, value in QUESTIONS.items() if not key.startswith("_")}
    defaults = {key: value[0] if isinstance(value, list) else value for key, value in asked.items()}
    texts = {"project_name": "Trinity", "project_slug": "trinity", "author_name": "Trinity developers"}
    given = {key: {"y": True, "n": False}.get(str(value), value) for key, value in answers.items()}
    chosen = defaults | texts | given
    if "queues" not in given:
        # As at the prompt, where the services are checked before the queues are asked for.
        check_services(chosen)
        chosen["queues"] = default_queues(chosen)
    return chosen


def queues(**answers: object) -> list[tuple[str, str, str]]:
    return [(queue.name, queue.owner, queue.worker_app) for queue in plan(complete(**answers)).queues]


def feature_files(plan_: Plan) -> set[str]:
    """Return the keys of REMOVE_UNLESS that are wholly removed."""
    return {key for key, paths in REMOVE_UNLESS.items() if set(paths) <= set(plan_.remove)}


@pytest.mark.parametrize("bad", BAD_ANSWERS, ids=lambda bad: bad.name)
def test_bad_answer_is_refused_with_one_line(bad: BadAnswer) -> None:
    answers = dict(bad.answers)
    if bad.name == "name without a letter":
        answers["project_slug"] = ""  # what cookiecutter's slugify makes of it
    with pytest.raises(FailedHookException, match=f"^{re.escape(bad.message)}$"):
        plan(complete(**answers))


@pytest.mark.parametrize("slug", sorted(RESERVED_SLUGS | {"import", "lambda"}))
def test_reserved_slug_is_refused(slug: str) -> None:
    with pytest.raises(FailedHookException, match=f"^project_slug: '{re.escape(slug)}' is taken"):
        plan(complete(project_slug=slug))


@pytest.mark.parametrize("name", sorted(RESERVED_QUEUES | {"jobs.beat"}))
def test_reserved_queue_name_is_refused(name: str) -> None:
    with pytest.raises(FailedHookException, match=f"^queues: '{re.escape(name)}' is reserved"):
        plan(complete(queues=name))


@pytest.mark.parametrize("slug", ["a", "shop", "my-shop-2", "a" * 40])
def test_good_slug_is_taken(slug: str) -> None:
    assert plan(complete(project_slug=slug)).summary.startswith(f"Created {slug}/ with ")


@pytest.mark.parametrize("text", ["Café Ülker", "O'Neill & Sons", "100 % <b>bold</b> #1 $HOME `x`", "日本語"])
def test_text_is_taken_as_it_is(text: str) -> None:
    assert check_text("project_name", text) == text


def test_default_queues_follow_the_services() -> None:
    assert default_queues(complete()) == "platform:django, atom:fastapi"
    assert default_queues(complete(use_fastapi=False)) == "platform"
    assert default_queues(complete(use_django=False)) == "atom"


def test_each_queue_has_the_worker_of_its_owner() -> None:
    assert queues() == [("platform", "django", "config.celery"), ("atom", "fastapi", "app.celery_app")]


def test_queue_without_owner_is_shared_by_both_services() -> None:
    """PARITY A3."""
    assert queues(queues="trinity.tasks") == [("trinity.tasks", BOTH, "combined.celery_app")]
    assert plan(complete(queues="trinity.tasks")).combined


def test_queue_without_owner_belongs_to_the_only_service() -> None:
    assert queues(use_django=False, queues="atom, gpu") == [
        ("atom", "fastapi", "app.celery_app"),
        ("gpu", "fastapi", "app.celery_app"),
    ]
    assert not plan(complete(use_django=False, queues="atom, gpu")).combined


def test_any_number_of_queues_in_any_spacing() -> None:
    """PARITY B6."""
    assert queues(queues="gpu : fastapi,platform:django ,  atom:fastapi,  common") == [
        ("gpu", "fastapi", "app.celery_app"),
        ("platform", "django", "config.celery"),
        ("atom", "fastapi", "app.celery_app"),
        ("common", BOTH, "combined.celery_app"),
    ]


def test_default_queue_of_a_service_is_the_first_that_it_consumes() -> None:
    services = plan(complete(queues="gpu:fastapi, common, platform:django")).services
    assert {service.name: service.default_queue for service in services} == {"django": "common", "fastapi": "gpu"}


def test_services_are_described_for_the_template() -> None:
    assert [(service.title, service.package, service.celery_app) for service in plan(complete()).services] == [
        ("Django", "backend", "config.celery"),
        ("FastAPI", "app", "app.celery_app"),
    ]


@pytest.mark.parametrize(
    ("answers", "gone"),
    [
        ({}, {"combined", "database", "file", "rabbitmq"}),
        ({"queues": "trinity.tasks", "broker": "rabbitmq"}, {"database", "file"}),
        ({"use_django": False}, {"combined", "database", "django", "file", "rabbitmq", "two services"}),
        ({"use_fastapi": False}, {"combined", "database", "fastapi", "file", "rabbitmq", "two services"}),
        ({"beat_scheduler": "database"}, {"combined", "file", "rabbitmq", "redbeat"}),
        ({"beat_scheduler": "file"}, {"combined", "database", "rabbitmq", "redbeat"}),
        ({"beat_scheduler": "none"}, {"beat", "combined", "database", "file", "rabbitmq", "redbeat"}),
        ({"use_flower": False}, {"combined", "database", "file", "flower", "rabbitmq"}),
    ],
)
def test_what_was_not_chosen_is_removed(answers: Answers, gone: set[str]) -> None:
    assert feature_files(plan(complete(**answers))) == gone


@pytest.mark.parametrize("license_", QUESTIONS["license"])
def test_one_license_is_kept(license_: str) -> None:
    made = plan(complete(license=license_))
    assert [new for _, new in made.rename if new.startswith("LICENSE")] == ["LICENSE"]
    assert (f"LICENSE__{license_}", "LICENSE") in made.rename
    assert {path for path in made.remove if path.startswith("LICENSE")} == {
        f"LICENSE__{other}" for other in QUESTIONS["license"] if other != license_
    }


@pytest.mark.parametrize("scheduler", QUESTIONS["beat_scheduler"])
def test_one_page_about_the_state_of_beat_is_kept(scheduler: str) -> None:
    made = plan(complete(beat_scheduler=scheduler))
    kept = [] if scheduler == "none" else [(f"docs/beat-state__{scheduler}.md", "docs/beat-state.md")]
    assert [pair for pair in made.rename if "beat-state" in pair[0]] == kept


def test_nothing_is_both_renamed_and_removed() -> None:
    made = plan(complete())
    assert not {old for old, _ in made.rename} & set(made.remove)


@pytest.mark.parametrize(
    ("answers", "summary"),
    [
        (
            {},
            "Created trinity/ with Django and FastAPI; queues platform and atom; Redis as broker; "
            "beat with its schedule in RedBeat; Flower; license MIT.",
        ),
        (
            {
                "project_slug": "shop",
                "use_django": False,
                "queues": "atom, gpu, mail",
                "broker": "rabbitmq",
                "beat_scheduler": "none",
                "use_flower": False,
                "license": "Proprietary",
            },
            "Created shop/ with FastAPI; queues atom, gpu and mail; RabbitMQ as broker; no beat; no Flower; "
            "license Proprietary.",
        ),
        (
            {"use_fastapi": False, "beat_scheduler": "database"},
            "Created trinity/ with Django; queue platform; Redis as broker; beat with its schedule in the database; "
            "Flower; license MIT.",
        ),
    ],
)
def test_summary_says_the_answers_in_words(answers: Answers, summary: str) -> None:
    assert plan(complete(**answers)).summary == summary


def test_hook_gets_its_part_as_json() -> None:
    made = plan(complete())
    assert json.loads(made.hook_data) == {
        "remove": list(made.remove),
        "rename": [list(pair) for pair in made.rename],
        "summary": made.summary,
        "template": str(ROOT),
    }


def test_queue_and_plan_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        Queue("atom", "fastapi", "app.celery_app").name = "gpu"  # type: ignore[misc]
