"""Make the tables that are not there yet: ``python -m app.create_tables``. Run it before the processes start.

It never changes a table that is there. When your tables begin to change, let Alembic do this: its ``env.py`` imports
what is imported here, and its ``target_metadata`` is ``Base.metadata``. Tell it to leave alone what does not begin with
``app_``. https://alembic.sqlalchemy.org/en/latest/autogenerate.html#omitting-table-names-from-the-autogenerate-process
"""

from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from sqlalchemy import text
from sqlalchemy.exc import OperationalError, ProgrammingError
from trinity_celery.transactions.database_problems import database_problem

import app
from app.database import Base, engine

ONE_AT_A_TIME = 2_011_202_611  # PostgreSQL's number for the lock, any will do


def import_models() -> None:
    """Let ``Base`` know the tables of every package that has ``models.py``."""
    for package in iter_modules(app.__path__, "app."):
        if package.ispkg and find_spec(f"{package.name}.models"):
            import_module(f"{package.name}.models")


def create_tables() -> None:
    """Make the tables; two processes that do so at the same time do not disturb each other."""
    import_models()
    with engine().begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": ONE_AT_A_TIME})
        Base.metadata.create_all(connection)


def main() -> None:
    """Make the tables.

    Raises:
        SystemExit: the database cannot be used; one line says why.
    """
    try:
        create_tables()
    except (OperationalError, ProgrammingError) as error:
        url = engine().url
        problem = database_problem(str(error.orig), host=url.host, port=url.port, user=url.username, name=url.database)
        if problem is None:
            raise
        raise SystemExit(f"error: {problem}") from None


if __name__ == "__main__":
    main()
