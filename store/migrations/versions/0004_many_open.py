"""What a step costs does not grow with what else is open: holds, payments and refunds."""

from store.migrations.frozen import run_sql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(revision)


def downgrade() -> None:
    raise RuntimeError("money has moved: go forward with a new migration")
