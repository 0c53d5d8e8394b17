"""Apps for ``INSTALLED_APPS``, and what Django's settings, views and Celery app use.

Nothing is imported here: Django imports this package before its apps are ready.
"""
