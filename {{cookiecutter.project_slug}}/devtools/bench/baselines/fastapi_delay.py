"""FastAPI's application with one more endpoint, which sends as most guides do: ``.delay()`` in an ``async def``."""

from app.main import create_app
from devtools.bench.baselines.stock import mark

app = create_app()


@app.post("/delay", status_code=202)
async def delay() -> dict[str, str]:
    """Send a task, and have every other request wait for that."""
    return {"task_id": mark.delay(0).id}
