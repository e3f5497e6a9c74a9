"""kinds of motions: ordinary, special, election"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decision", sa.Column("kind", sa.String(), nullable=False, server_default="ordinary"))


def downgrade() -> None:
    op.drop_column("decision", "kind")
