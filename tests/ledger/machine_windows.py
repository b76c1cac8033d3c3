"""Windows: the owner's triggers pause a step between what it read and what it writes, and before it commits.

Without them a lost update passes a thousand concurrent steps unseen. The functions of the book stay as they are.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

_OPEN = """
    CREATE FUNCTION window_of_a_test() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM pg_sleep(TG_ARGV[0]::float / 1000 * (0.2 + random()));
        RETURN NEW;
    END $$;
    -- The row is locked, and whoever reads it now reads what it was.
    CREATE TRIGGER window_of_a_test BEFORE UPDATE ON account FOR EACH ROW EXECUTE FUNCTION window_of_a_test(2);
    CREATE TRIGGER window_of_a_test BEFORE UPDATE ON hold FOR EACH ROW EXECUTE FUNCTION window_of_a_test(1);
    -- Numbers are given in one order and committed in another.
    CREATE TRIGGER window_of_a_test BEFORE INSERT ON posting FOR EACH ROW EXECUTE FUNCTION window_of_a_test(8);
"""
_CLOSE = "DROP FUNCTION window_of_a_test() CASCADE"


@asynccontextmanager
async def windows(owner: asyncpg.Connection) -> AsyncIterator[None]:
    """Every step of the database takes its time inside."""
    await owner.execute(_OPEN)
    try:
        yield
    finally:
        await owner.execute(_CLOSE)
