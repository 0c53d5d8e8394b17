"""The generated pages of the site are up to date, and hold everything that they are about."""

import importlib
import re
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

from scripts.reference import environment, files
from scripts.reference.__main__ import out_of_date, refuse_old
from scripts.reference.api import as_markdown
from scripts.reference.library import packages
from scripts.reference.markdown import WRITTEN, table
from scripts.reference.pages import pages
from scripts.reference.projects import render_all
from scripts.reference.questions import ASKED, as_typed
from tests.bad_answers import BAD_ANSWERS, BadAnswer
from tests.commands import run
from tests.conftest import Bake
from tests.files import LIBRARY, listing, parse
from tests.matrix import ROOT
from tests.test_parity import ROWS
from trinity_celery.config import CelerySettings
from trinity_celery.config.beat_settings import FileBeatSettings


@pytest.fixture(scope="session")
def texts(bake: Bake) -> dict[str, str]:
    """All generated pages, by their path in ``docs/``."""
    return pages(render_all(bake))


def first_cells(text: str) -> list[str]:
    """Return what the rows of all tables begin with, without links and backticks."""
    cells = re.findall(r"^\| (?:\[)?`([^`]+)`", text, re.MULTILINE)
    return list(cells)


def test_pages_are_up_to_date(texts: dict[str, str]) -> None:
    refuse_old(texts)


def test_page_that_is_out_of_date_is_named(tmp_path: Path) -> None:
    for folder in ("guides", "reference"):
        (tmp_path / folder).mkdir()
    (tmp_path / "reference/one.md").write_text(f"{WRITTEN} as it was")
    (tmp_path / "reference/figures.md").write_text("by another script")
    (tmp_path / "guides/gone.md").write_text(WRITTEN)
    texts = {"reference/one.md": f"{WRITTEN} as it is", "guides/new.md": WRITTEN}
    assert out_of_date(texts, tmp_path) == ["guides/gone.md", "guides/new.md", "reference/one.md"]
    with pytest.raises(SystemExit, match=r"^error: docs/guides/gone.md is out of date: run `make reference`$"):
        refuse_old(texts, tmp_path)


def test_every_question_has_a_row(texts: dict[str, str]) -> None:
    assert set(ASKED) <= set(first_cells(texts["reference/questions.md"]))


@pytest.mark.parametrize("bad", BAD_ANSWERS, ids=lambda bad: bad.name)
def test_every_refusal_has_its_message(bad: BadAnswer, texts: dict[str, str]) -> None:
    assert f"| `{as_typed(bad.answers)}` | `{bad.message}` |" in texts["reference/questions.md"]


@pytest.mark.parametrize("broker", ["redis", "rabbitmq"])
@pytest.mark.parametrize("file", ["envs/dev.env", "envs/prod.env"])
def test_every_variable_has_a_row(broker: str, file: str, texts: dict[str, str], bake: Bake) -> None:
    missing = set(parse(bake(broker=broker) / file)) - set(first_cells(texts["reference/environment.md"]))
    assert missing == set()


@pytest.mark.parametrize("settings", [CelerySettings, FileBeatSettings])
def test_every_field_of_the_settings_has_a_row(settings: type[BaseSettings], texts: dict[str, str]) -> None:
    variables = {field.upper() for field in settings.model_fields}
    assert variables <= set(first_cells(texts["reference/environment.md"]))


def test_variable_that_nothing_explains_is_refused(bake: Bake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "_said", lambda project: {})
    with pytest.raises(SystemExit, match=r"^CELERY_BEAT_LOGLEVEL: nothing says what it means"):
        environment.rows(bake())


# Functions return some, indented by 8 spaces, and methods others.
@pytest.mark.parametrize(
    ("module", "indent"),
    [
        ("worker/celery_settings", 8),
        ("brokers/redis/broker", 12),
        ("brokers/rabbitmq/broker", 12),
        ("beat/configuration", 8),
    ],
)
def test_every_setting_of_celery_has_a_row(module: str, indent: int, texts: dict[str, str]) -> None:
    text = (ROOT / f"src/trinity_celery/{module}.py").read_text()
    settings = re.findall(rf'^ {{{indent}}}"(\w+)": ', text, re.MULTILINE)
    assert settings
    assert [name for name in settings if f"`{name}`" not in texts["reference/celery-settings.md"]] == []


def test_a_setting_shows_its_values_and_its_reason(texts: dict[str, str]) -> None:
    page = texts["reference/celery-settings.md"]
    row = next(line for line in page.splitlines() if line.startswith("| [`redis_socket_timeout`]"))
    assert "| worker: `5`; sender: `1` (default `120.0`) |" in row
    row = next(line for line in page.splitlines() if line.startswith("| [`task_time_limit`]"))
    assert "| `600` (default `None`) | `CELERY_TASK_TIME_LIMIT` sets it. |" in row


def test_every_target_has_a_row(texts: dict[str, str], bake: Bake) -> None:
    listed = re.findall(r"^  ([a-z-]+) ", run(["make", "help"], bake()).stdout, re.MULTILINE)
    assert "celery-atom" in listed
    assert {f"make {target}" for target in listed} <= set(first_cells(texts["reference/make-targets.md"]))


def test_every_file_has_a_row(texts: dict[str, str], bake: Bake) -> None:
    there = {name for name in listing(bake()) if (bake() / name).stat().st_size}
    assert f"{LIBRARY}/" in there
    assert there <= set(first_cells(texts["reference/files.md"]))


def test_file_that_does_not_say_what_it_is_is_refused(tmp_path: Path) -> None:
    (tmp_path / "silent.py").write_text("answer = 42\n")
    with pytest.raises(SystemExit, match=r"^silent.py: does not say what it is"):
        files.description(tmp_path, "silent.py")


def test_every_contract_has_its_fields(texts: dict[str, str], bake: Bake) -> None:
    page = texts["reference/contracts.md"]
    constants = re.findall(r"^([A-Z_]+) = _contract", (bake() / "shared/contracts.py").read_text(), re.MULTILINE)
    assert re.findall(r"^## `([A-Z_]+)`", page, re.MULTILINE) == constants
    assert "| `title` | text, 1 to 200 characters | required |" in page


def test_every_promise_has_a_row(texts: dict[str, str]) -> None:
    for name, row in ROWS.items():
        line = f"| {name.partition(' ')[2]} | "
        assert line in texts["reference/promises.md"]
        for test in row.tests:
            assert f"::{test.partition('::')[2]}`]" in texts["reference/promises.md"]


def test_every_guide_is_there_with_a_note(texts: dict[str, str], bake: Bake) -> None:
    guides = {f"guides/{path.name}" for path in (bake() / "docs").glob("*.md")}
    assert guides <= set(texts)
    for name in guides:
        assert "\n> This page comes with a project that is rendered with the default answers, " in texts[name]


def test_every_public_name_of_the_library_has_a_heading(texts: dict[str, str]) -> None:
    shown = {module.path: importlib.import_module(module.path) for module in packages()}
    names = {f"{path}.{name}" for path, module in shown.items() for name in getattr(module, "__all__", ())}
    assert {"trinity_celery.contracts.Contract", "trinity_celery.worker.configure"} <= names
    anchors = re.findall(r"^### `\w+` \{ #([\w.]+) \}$", texts["reference/api.md"], re.MULTILINE)
    assert names <= set(anchors)
    assert "trinity_celery.errors.TrinityError" in anchors


def test_a_public_name_shows_its_signature_arguments_and_errors(texts: dict[str, str]) -> None:
    page = texts["reference/api.md"]
    method = page.partition("#### `send` { #trinity_celery.contracts.Contract.send }")[2].partition("\n#### ")[0]
    assert "\n    countdown: float | None = None,\n" in method
    assert "| `countdown` | Seconds before the task may start. |" in method
    assert "| [`QueueFullError`](#trinity_celery.errors.QueueFullError) | Too many tasks wait in the queue" in method


def test_docstring_becomes_markdown() -> None:
    text = "See ``a_name``, https://example.org/a_b.\n\n::\n\n    a tree"
    assert as_markdown(text) == "See `a_name`, <https://example.org/a_b>.\n\n    a tree"


def test_a_cell_may_hold_a_bar() -> None:
    assert table(["a"], [["x|y"]]).splitlines()[-1] == r"| x\|y |"
