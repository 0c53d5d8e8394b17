"""``python -m tests.query APP STATEMENT``: run SQL in the database of a service, and print its rows as JSON."""

import json
import sys
from importlib import import_module

from trinity_celery.transactions.database import any_database


def main() -> None:
    """Run the statement."""
    import_module(sys.argv[1]).celery_app.loader.import_default_modules()
    database = any_database()
    assert database
    with database.transaction():
        print(json.dumps(database.execute(sys.argv[2]).fetchall(), default=list))


if __name__ == "__main__":
    main()
