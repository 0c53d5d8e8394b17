"""The URL of a database: one that is wrong is refused in one line that shows no part of the password."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic_settings import BaseSettings
from trinity_celery.config import load

from tests.conftest import service_apps
from tests.test_consistency import settings_classes

SECRET = "Canary"  # in capital letters, unlike what the messages say of themselves


def read(settings: type[BaseSettings], **variables: str) -> Any:
    """Return the settings that these variables give; raise ``SystemExit`` with what is wrong with them."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in variables.items():
            environment.setenv(name, value)
        return load(settings)


def check_message(name: str, said: str) -> None:
    """Let it be one line that names the variable and shows no part of the password."""
    assert said.startswith(f"{name}: ")
    assert len(said.splitlines()) == 1
    assert not any(SECRET[start : start + 3] in said for start in range(len(SECRET) - 2)), said


odd = st.text(st.sampled_from("@:;/?#%[]&=\\ é☃\t\n9"), max_size=4)


@given(odd, odd, st.sampled_from(["", "sqlite", "postgres", "postgresql", "mysql"]))
@example("@ss:w/rd#%$x", "/db", "postgres")
@example("", "/db\n", "sqlite")
def test_odd_url_of_a_database_is_used_or_refused_without_showing_the_password(odd: str, end: str, scheme: str) -> None:
    service_apps()
    for kind in settings_classes():
        if "database_url" in kind.model_fields:
            for url in (f"{scheme}://user:Can{odd}ary@h{end}", f"{scheme}://Canary{odd}@h{end}", f"Canary{odd}{end}"):
                try:
                    read(kind, DATABASE_URL=url)
                except SystemExit as refused:
                    check_message("DATABASE_URL", str(refused))
