"""Refund, top-up, payout and transfer; days that are sealed; the audit's chain; verification."""

from store.migrations.frozen import run_sql

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(revision)
    run_sql(f"{revision}_functions")


def downgrade() -> None:
    raise RuntimeError("money has moved: go forward with a new migration")
