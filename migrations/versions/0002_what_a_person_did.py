"""what a person did: the desk shows what one sent on, without reading the ledgers of every open case"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_case_event_by_id", "case_event", ["by_id", "id"], postgresql_where=sa.text("by_id is not null"))


def downgrade() -> None:
    op.drop_index("ix_case_event_by_id", table_name="case_event")
