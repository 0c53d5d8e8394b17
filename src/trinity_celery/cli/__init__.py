"""The command ``trinity``: start a worker, beat or Flower, check settings and servers, look through dead letters.

Nothing is imported here, and each subcommand only when it runs: a worker starts faster so, and stays smaller.
"""
