"""Make the tables that are not there yet: ``python -m app.create_tables``. Run it before the processes start.

It never changes a table that is there. When your tables begin to change, let Alembic do this: its ``env.py`` calls
``import_models`` as this module does, and its ``target_metadata`` is ``Base.metadata``. Tell it to leave alone what
does not begin with ``app_``.
https://alembic.sqlalchemy.org/en/latest/autogenerate.html#omitting-table-names-from-the-autogenerate-process
"""

from trinity_celery.contrib.fastapi import tables

import app
from app.database import Base, engine


def create_tables() -> None:
    """Make the tables of every package that has ``models.py``, and those of outbox and keys.

    Raises:
        SystemExit: the database cannot be used; one line says why.
    """
    tables.import_models(app)
    tables.create_tables(engine(), Base.metadata)


if __name__ == "__main__":
    create_tables()
