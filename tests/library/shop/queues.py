"""What the project consists of."""

from trinity_celery.config import Project, Queue, Service

APP = "tests.library.shop.celery_app"
PROJECT = Project(
    name="shop",
    services=[Service(name="shop", package="tests.library.shop", celery_app=APP, default_queue="orders")],
    queues=[Queue(name="orders", worker_app=APP), Queue(name="mail", worker_app=APP)],
)
