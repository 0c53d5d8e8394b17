"""Loads a web service from a process of its own: clients that ask again as soon as they have their answer.

Small enough to be faster than what it loads: HTTP/1.1 over connections that stay open, and nothing more of HTTP than
these answers need.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field

PATIENCE = 30.0  # seconds


@dataclass
class Answers:
    """The seconds that each answer took, how many were not 2xx, and when (``time.time()``) the others came."""

    taken: list[float] = field(default_factory=list)
    errors: int = 0
    good_at: list[float] = field(default_factory=list)

    def add(self, taken: float, status: int) -> None:
        """Note an answer that has just come."""
        self.taken.append(taken)
        if 200 <= status < 300:
            self.good_at.append(time.time())
        else:
            self.errors += 1


async def answer(reader: asyncio.StreamReader) -> int:
    """Read an answer to its end, and return its status."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    if fields.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            await reader.readexactly(size + 2)
        await reader.readline()
    else:
        await reader.readexactly(int(fields["content-length"]))
    return int(head.split(" ", 2)[1])


async def client(port: int, request: bytes, until: float, pause: float, answers: Answers) -> None:
    """Ask until the time is over; a connection that the other side has closed is opened again."""
    while time.perf_counter() < until:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while (started := time.perf_counter()) < until:
                writer.write(request)
                status = await asyncio.wait_for(answer(reader), PATIENCE)
                answers.add(time.perf_counter() - started, status)
                if pause:
                    await asyncio.sleep(pause)
        except (asyncio.IncompleteReadError, ConnectionResetError, BrokenPipeError):
            continue
        except (OSError, TimeoutError):
            answers.errors += 1
        finally:
            writer.close()


async def load(port: int, method: str, path: str, clients: int, seconds: float, pause: float) -> Answers:
    """Have so many clients ask for so long."""
    length = "Content-Length: 0\r\n" if method == "POST" else ""
    request = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{length}\r\n".encode()
    answers = Answers()
    until = time.perf_counter() + seconds
    await asyncio.gather(*(client(port, request, until, pause, answers) for _ in range(clients)))
    return answers


def main(port: str, method: str, path: str, clients: str, seconds: str, pause: str) -> None:
    """Print the answers as JSON."""
    answers = asyncio.run(load(int(port), method, path, int(clients), float(seconds), float(pause)))
    print(json.dumps(asdict(answers)))


if __name__ == "__main__":
    main(*sys.argv[1:])
