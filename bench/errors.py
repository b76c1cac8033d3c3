"""What keeps a measurement from being made. Being slow is none of it: the report says what it is."""


class BenchError(RuntimeError):
    """The measurement cannot go on. The text says why."""
