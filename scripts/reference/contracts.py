"""``reference/contracts.md``: the typed task names of the default project."""

from collections.abc import Iterator
from typing import Any

from scripts.reference.markdown import code, page, table
from scripts.reference.projects import ASK_CONTRACTS, Projects, ask

HEAD = """\
`shared/contracts.py` of the default project. [Queues and tasks](../guides/queues-and-tasks.md#send-a-task) says how
to send one, [Tasks across services](../guides/tasks-across-services.md) how to add one. What does not fit is refused
when it is sent, and again before the task starts.
"""


def _range(schema: dict[str, Any], unit: str) -> str:
    least, most = schema.get(f"min{unit}"), schema.get(f"max{unit}")
    name = {"Length": "characters", "Items": "items"}[unit]
    if least is None and most is None:
        return ""
    return f"{least or 0} to {most} {name}" if most is not None else f"at least {least} {name}"


def _type(schema: dict[str, Any]) -> str:
    if schema["type"] == "array":
        return f"list of {_type(schema['items'])}"
    return {"string": "text", "integer": "whole number", "number": "number", "boolean": "yes or no"}[schema["type"]]


def fields(payload: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield name, type with constraints, and default of each field of a payload's JSON schema."""
    for name, schema in payload["properties"].items():
        parts = (_type(schema), _range(schema, "Length"), _range(schema, "Items"))
        default = "required" if name in payload.get("required", ()) else code(repr(schema["default"]))
        yield code(name), ", ".join(filter(None, parts)), default


def _contract(contract: dict[str, Any]) -> str:
    payload = contract["payload"]
    sent = "written into the outbox first" if contract["outbox"] else "sent at once, or after the commit"
    facts = (
        f"- task {code(contract['task'])}, queue {code(contract['queue'])}",
        f"- payload {code(payload['title'])}: {payload['description']}",
        f"- {sent}; its result is {'kept' if contract['keeps result'] else 'not kept'}",
    )
    parts = [f"## `{contract['constant']}`", "\n".join(facts)]
    if payload["properties"]:
        parts.append(table(("field", "value", "default"), fields(payload)))
    return "\n\n".join(parts)


def contracts(projects: Projects) -> str:
    """Return the page."""
    return page("Contracts", HEAD, *map(_contract, ask(projects.default, ASK_CONTRACTS)))
