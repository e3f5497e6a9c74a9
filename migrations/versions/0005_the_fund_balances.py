"""the fund's journal: what was posted stays posted, and every posting balances"""

from alembic import op

from migrations.guards import FUND, UNFUND

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(FUND)


def downgrade() -> None:
    op.execute(UNFUND)
