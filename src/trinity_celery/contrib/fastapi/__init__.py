"""What a FastAPI application, its SQLAlchemy database and its Celery app use.

Nothing is imported here: workers need the database, and not the web framework.
"""
