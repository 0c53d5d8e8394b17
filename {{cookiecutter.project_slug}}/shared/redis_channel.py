"""One client for all commands of a kombu channel, which would make one for each: a third of what sending costs."""

from typing import Any


class OneClient:
    """To be mixed into kombu's Redis channel. The client goes when its connections do, as after a fork."""

    pool: Any
    _client: Any = None

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:
            return super()._create_client(asynchronous=True)  # type: ignore[misc]
        if self._client is None or self._client.connection_pool is not self.pool:
            self._client = super()._create_client()  # type: ignore[misc]
        return self._client
