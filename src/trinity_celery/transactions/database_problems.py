"""What to say when there is no connection to a service's database: one line instead of a traceback."""

import re

# What psycopg says when it gets no connection: where it tried, and then why it did not work.
NO_CONNECTION = re.compile(
    r"(?:connection (?:failed|is bad): (?:.*? failed: )?(?:fe_sendauth: )?(?P<fatal>FATAL: +)?"
    r"|failed to resolve host .*?: (?:\[.*?\] )?"
    r"|(?=connection timeout))(?P<reason>.+)"
)
PASSWORD_REFUSED = re.compile(r".*authentication failed|no password supplied")
USER_REFUSED = re.compile(r"role .*")
NO_DATABASE = re.compile(r"database .* does not exist")
BAD_OPTION = re.compile(r'(invalid connection option ".*"|bad value for \w+: .*|invalid \w+ value: ".*")$')


def database_problem(said: str, *, host: str | None, port: object, user: str | None, name: object) -> str | None:
    """Say in one line why there is no connection.

    Args:
        said: the driver's message.
        host: where PostgreSQL is; empty for the local socket.
        port: of which port; empty for the usual one.
        user: who logs in.
        name: of the database, or SQLite's file.

    Returns:
        the line, or ``None`` if ``said`` is about something else.
    """
    if said == "unable to open database file":
        advice = "make its folder, let this user write there, or correct the variable"
        return f"DATABASE_URL: SQLite cannot open {name}: {advice}"
    if option := BAD_OPTION.search(said):
        return f"DATABASE_URL: {option.group()}: correct what stands after '?'"
    found = NO_CONNECTION.match(said)
    if not found:
        return None
    where = f"{host}:{port or 5432}" if host else "the local socket"
    return f"DATABASE_URL: the database at {where} {_answer(found, user)}"


def _answer(found: re.Match[str], user: str | None) -> str:
    reason, login = found["reason"], f'refuses the login of user "{user}"'
    if password := PASSWORD_REFUSED.match(reason):
        return f"{login}: {password.group()}: use the password that it was created with"
    if USER_REFUSED.match(reason):
        return f"{login}: {reason}: use the user that it was created with"
    if NO_DATABASE.match(reason):
        return f"{login}: {reason}: create it, or correct the variable"
    if found["fatal"]:
        return f"refuses the connection: {reason}: try again later, or correct the variable"
    return f"does not answer: {reason}: start it, or correct the variable"
