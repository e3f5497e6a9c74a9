"""ledgers that only grow: the fund's journal, whose postings balance, and the scores of service evaluation"""

from alembic import op

from migrations.guards import FUND, KEEP_SCORES, UNFUND, UNKEEP_SCORES

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(FUND)
    op.execute(KEEP_SCORES)


def downgrade() -> None:
    op.execute(UNKEEP_SCORES)
    op.execute(UNFUND)
