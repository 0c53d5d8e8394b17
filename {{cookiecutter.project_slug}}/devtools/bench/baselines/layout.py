"""A worker in a plain layout: one app for everything, which imports the web services as well."""

from importlib import import_module

from devtools.bench.baselines import stock
from devtools.bench.web import modules

# So that `celery -A` finds it.
app = stock.app

for name in modules():
    import_module(name)
app.set_default()
