"""``python -m trinity_celery``: the command ``trinity``."""

from trinity_celery.cli.main import main

if __name__ == "__main__":
    main()
