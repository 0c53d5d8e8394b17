"""What this library raises.

::

    TrinityError
    ├── BrokerUnavailableError (RuntimeError)   HTTP 503
    │   ├── QueueFullError
    │   └── PartlySentError
    ├── UnsendableError (RuntimeError)
    ├── MessageTooLargeError (ValueError)       HTTP 413
    ├── PayloadError (ValueError)
    ├── UnrunnableTaskError (TypeError)
    ├── InvalidKeyError (ValueError)            HTTP 400
    ├── KeyReusedError (ValueError)             HTTP 422
    ├── KeyHeldError (RuntimeError)
    └── NotReplayableError (ValueError)
"""


class TrinityError(Exception):
    """The base class of every error of this library."""


class BrokerUnavailableError(TrinityError, RuntimeError):
    """The task could not be handed to the broker in time; the HTTP answer to this is 503."""


class QueueFullError(BrokerUnavailableError):
    """So many tasks wait in the queue that the sender had better come back later."""


class PartlySentError(BrokerUnavailableError):
    """Some of many tasks were sent, and the rest was not.

    Attributes:
        task_ids: of the tasks that were sent.

    Args:
        problem: why the rest was not sent.
        task_ids: of the tasks that were sent.
        total: how many were to be sent.
    """

    def __init__(self, problem: BrokerUnavailableError, task_ids: list[str], total: int) -> None:
        super().__init__(f"{len(task_ids)} of {total} tasks were sent: {problem}")
        self.task_ids = task_ids


class UnsendableError(TrinityError, RuntimeError):
    """The broker is there, and yet this message cannot be sent now."""


class MessageTooLargeError(TrinityError, ValueError):
    """The arguments of a task are larger than ``CELERY_MESSAGE_SIZE_LIMIT``; the HTTP answer to this is 413."""


class PayloadError(TrinityError, ValueError):
    """The arguments of a task do not fit its contract; says which and why, and holds none of their values."""


class UnrunnableTaskError(TrinityError, TypeError):
    """A task's function is of a kind that Celery would call and never run."""


class InvalidKeyError(TrinityError, ValueError):
    """What a client sent as its key is none; the HTTP answer to this is 400."""


KEY_REUSED = "was used before, with another payload: repeat that one, or use a new key"


class KeyReusedError(TrinityError, ValueError):
    """The key was used before, for something else; the HTTP answer to this is 422.

    Attributes:
        key: the key.

    Args:
        key: the key.
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return f"{self.key}: {KEY_REUSED}"


class KeyHeldError(TrinityError, RuntimeError):
    """Somebody else is at work under this key, or died at it: try again when the claim has run out.

    Attributes:
        key: the key.
        seconds: until then.

    Args:
        key: the key.
        seconds: until the claim runs out.
    """

    def __init__(self, key: str, seconds: float) -> None:
        super().__init__(key, seconds)
        self.key = key
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.key}: is claimed for another {self.seconds:.0f} s"


class NotReplayableError(TrinityError, ValueError):
    """The letter cannot be sent again; the message says why."""
