"""Whether a process, and the servers that it needs, are well.

Nothing is imported here: ``trinity_celery.health.probe`` runs every few seconds.
"""
