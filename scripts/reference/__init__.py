"""The generated pages of the site, from cookiecutter.json, renderings and tests: ``python -m scripts.reference``."""
