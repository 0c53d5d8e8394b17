"""Tasks on their way to the broker, and what has become of them."""

from trinity_celery.messages.message import Message
from trinity_celery.messages.status import Progress, TaskStatus, read_status, report_progress

__all__ = ["Message", "Progress", "TaskStatus", "read_status", "report_progress"]
