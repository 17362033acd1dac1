"""This module takes Ctrl-C as a request: the first signal ends the step cleanly, the second ends the process."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Yield a function `requested()`, which returns True once SIGINT or SIGTERM has arrived.

    The first signal only sets this flag and restores the old handlers. Outside the main thread, where Python
    allows no handlers, the flag stays False.
    """
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked.is_set
        return
    old = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for name, handler in old.items():
            signal.signal(name, handler)

    def on_signal(number: int, frame: object) -> None:
        asked.set()
        restore()

    for name in old:
        signal.signal(name, on_signal)
    try:
        yield asked.is_set
    finally:
        restore()
