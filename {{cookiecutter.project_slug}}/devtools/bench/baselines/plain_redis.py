"""Makes redis-py what ``pip install celery[redis]`` brings: without ``hiredis``, which this project adds.

To be imported before Celery is, or run with the name of a module to run: ``python -m ... celery -A ... worker``.
"""

import runpy
import sys

sys.modules["hiredis"] = None  # type: ignore[assignment]

if __name__ == "__main__":
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
