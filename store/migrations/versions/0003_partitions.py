"""The tables that only grow are partitioned by time."""

from store.migrations.frozen import run_sql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(revision)
    run_sql(f"{revision}_functions")
    run_sql(f"{revision}_partitions")


def downgrade() -> None:
    raise RuntimeError("money has moved: go forward with a new migration")
