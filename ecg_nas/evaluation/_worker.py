"""A worker process of ``_pool``: ``python -m ecg_nas.evaluation._worker FD``.

Started as a program of its own rather than through multiprocessing, which would import the
parent's main module again, and with it the command line.
"""

from __future__ import annotations

import os
import pickle
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any


def main() -> None:
    """Evaluate what arrives on the connection until it closes."""
    connection = Connection(int(sys.argv[1]))
    inbox: SimpleQueue[Any] = SimpleQueue()
    factory = connection.recv()
    threading.Thread(target=_read, args=(connection, inbox), daemon=True).start()
    _one_thread()
    try:
        evaluator = factory()
        while True:
            candidate = inbox.get()
            for evaluation in evaluator.evaluate([candidate]):
                connection.send(evaluation)
    except Exception as error:  # the parent raises it in the user's sight
        connection.send(_sendable(error))


def _read(connection: Connection, inbox: SimpleQueue[Any]) -> None:
    """Pass on what arrives, and end this process when the parent has ended, however it did.

    The kernel closes the parent's side of the connection even after ``kill -9``; reading in a
    thread of its own notices that in the middle of a training too.
    """
    try:
        while True:
            inbox.put(connection.recv())
    except (EOFError, OSError):
        os._exit(1)


def _one_thread() -> None:
    # The environment, set by the parent before this process began, rules OpenMP and MKL; this
    # rules torch's own pools, and only if torch is what the evaluator uses.
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def _sendable(error: Exception) -> Exception:
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error


if __name__ == "__main__":
    main()
