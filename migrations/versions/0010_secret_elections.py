"""secret elections: no opinion beside a unit, and what one person asks for and another confirms"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("decision", sa.Column("candidates", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("decision", sa.Column("read_as", postgresql.JSONB(none_as_null=True), nullable=True))
    op.add_column("decision", sa.Column("recounts", postgresql.JSONB(none_as_null=True), nullable=True))
    op.alter_column("ballot", "opinion", existing_type=sa.String(), nullable=True)
    op.execute(
        "update ballot set opinion = null from decision where decision.id = ballot.decision_id and decision.kind = 'election'"
    )


def downgrade() -> None:
    op.execute("update ballot set opinion = '' where opinion is null")
    op.alter_column("ballot", "opinion", existing_type=sa.String(), nullable=False)
    op.drop_column("decision", "recounts")
    op.drop_column("decision", "read_as")
    op.drop_column("decision", "candidates")
