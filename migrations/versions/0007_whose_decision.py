"""whose decision: the decision scope of a motion"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decision", sa.Column("scope", sa.String(), nullable=False, server_default="全体业主"))


def downgrade() -> None:
    op.drop_column("decision", "scope")
