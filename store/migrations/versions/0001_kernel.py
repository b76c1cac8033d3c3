"""The kernel: merchants, catalogue, requests, payments, attempts, refunds, events, sweeps, and the book."""

from alembic import op

from store.migrations.frozen import run_sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(revision)
    op.execute("GRANT SELECT ON alembic_version TO paysaga_app")


def downgrade() -> None:
    raise RuntimeError("money has moved: go forward with a new migration")
