"""Break the running system on purpose, count what became of the tasks, and print a table: ``make chaos``.

Workers, brokers and settings are those of the project. Only the tasks are the harness's own (``tasks.py``), and they
count their effects in a database that is no broker (``ledger.py``). Every server is private and listens on loopback.
"""
