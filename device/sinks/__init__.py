"""Places for results. A sink is a context manager with `write(result)`."""

from .database import Sqlite
from .held import HOLD, Held
from .jsonl import JsonLines
from .outbox import Outbox
from .sink import Sink
from .table import Csv
from .terminal import Terminal

__all__ = ["HOLD", "Csv", "Held", "JsonLines", "Outbox", "Sink", "Sqlite", "Terminal"]
