"""So many per key and span of time, counted in this process's bounded memory. Knows nothing of requests."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable


class Budget:
    """A budget per key that fills up again: `allowed` at once, and as many again over `seconds` (token bucket).

    Of keys beyond `most_keys` the longest unused is forgotten, which gives it its full budget back.
    """

    def __init__(
        self, allowed: int, seconds: float, *, most_keys: int = 10_000, now: Callable[[], float] = time.monotonic
    ) -> None:
        self.allowed = allowed
        self.seconds = seconds
        self.most_keys = most_keys
        self.now = now
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, key: Hashable) -> bool:
        """Take one from the key's budget; False where nothing is left."""
        with self._lock:
            now = self.now()
            left, since = self._left.pop(key, (float(self.allowed), now))
            left = min(self.allowed, left + (now - since) * self.allowed / self.seconds)
            has_one = left >= 1
            self._left[key] = (left - 1 if has_one else left, now)
            if len(self._left) > self.most_keys:
                self._left.popitem(last=False)
            return has_one
