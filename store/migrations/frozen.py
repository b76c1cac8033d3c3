"""A migration carries its SQL as it was then: `store/migrations/sql/REVISION.sql`, never today's files."""

from pathlib import Path

from alembic import op
from sqlalchemy.util import await_only

SQL = Path(__file__).parent / "sql"


def run_sql(revision: str) -> None:
    """Every statement of the revision's file has run, in the migration's transaction.

    asyncpg's simple protocol takes the whole file, function bodies included, at once.
    """
    script = (SQL / f"{revision}.sql").read_text()
    # SQLAlchemy would prepare the script as one statement; the driver's own connection, inside the same transaction,
    # takes it whole.
    driver = op.get_bind().connection.driver_connection
    if driver is None:
        raise RuntimeError("a migration needs a live connection")
    await_only(driver.execute(script))
