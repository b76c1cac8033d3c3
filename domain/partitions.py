"""Partitions of the tables that only grow, as the scheduled job is told and tells."""

from domain.orders import Frozen


class PartitionCommand(Frozen):
    """How many days a partition has, and after how many days one is detached; None: never."""

    days: int
    retention_days: int | None = None


class PartitionCounts(Frozen):
    """How many partitions were made and detached, and why the oldest one that is due stays."""

    made: int = 0
    archived: int = 0
    kept_for: str | None = None
