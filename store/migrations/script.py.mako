"""${message}"""

from store.migrations.frozen import run_sql

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql(revision)


def downgrade() -> None:
    raise RuntimeError("money has moved: go forward with a new migration")
