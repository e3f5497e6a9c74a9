"""case types"""

import sqlalchemy as sa
from alembic import op

from migrations.guards import KEEP_SCORES

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "committee",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("estate_id", sa.BigInteger(), nullable=False),
        sa.Column("body_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("seats", sa.Integer(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended_why", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["body_id"], ["body.id"], name=op.f("fk_committee_body_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_committee_case_id")),
        sa.ForeignKeyConstraint(["estate_id"], ["estate.id"], name=op.f("fk_committee_estate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_committee")),
    )
    op.create_index(op.f("ix_committee_body_id"), "committee", ["body_id"], unique=False)
    op.create_index(op.f("ix_committee_case_id"), "committee", ["case_id"], unique=False)
    op.create_index("ix_committee_estate_id", "committee", ["estate_id"], unique=False)
    op.create_index(
        "ix_committee_to_day", "committee", ["to_day"], unique=False, postgresql_where=sa.text("ended_at is null")
    )
    op.create_index(
        "uq_committee_in_office", "committee", ["estate_id"], unique=True, postgresql_where=sa.text("ended_at is null")
    )
    op.create_table(
        "evaluation_score",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=False),
        sa.Column("manager", sa.String(), nullable=False),
        sa.Column("estate_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("points", sa.Integer(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("corrects_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_evaluation_score_case_id")),
        sa.ForeignKeyConstraint(["company_id"], ["body.id"], name=op.f("fk_evaluation_score_company_id")),
        sa.ForeignKeyConstraint(["corrects_id"], ["evaluation_score.id"], name=op.f("fk_evaluation_score_corrects_id")),
        sa.ForeignKeyConstraint(["estate_id"], ["estate.id"], name=op.f("fk_evaluation_score_estate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_score")),
    )
    op.create_index(op.f("ix_evaluation_score_case_id"), "evaluation_score", ["case_id"], unique=False)
    op.create_index("ix_evaluation_score_company_id", "evaluation_score", ["company_id", "year", "id"], unique=False)
    op.create_index(op.f("ix_evaluation_score_corrects_id"), "evaluation_score", ["corrects_id"], unique=False)
    op.create_index(op.f("ix_evaluation_score_estate_id"), "evaluation_score", ["estate_id"], unique=False)
    op.create_table(
        "committee_member",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("committee_id", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("post", sa.String(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["committee_id"], ["committee.id"], name=op.f("fk_committee_member_committee_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_committee_member")),
    )
    op.create_index(op.f("ix_committee_member_committee_id"), "committee_member", ["committee_id"], unique=False)
    op.add_column("estate", sa.Column("owners_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_estate_owners_id"), "estate", ["owners_id"], unique=False)
    op.create_foreign_key(op.f("fk_estate_owners_id"), "estate", "body", ["owners_id"], ["id"])
    op.execute(KEEP_SCORES)


def downgrade() -> None:
    op.drop_constraint(op.f("fk_estate_owners_id"), "estate", type_="foreignkey")
    op.drop_index(op.f("ix_estate_owners_id"), table_name="estate")
    op.drop_column("estate", "owners_id")
    op.drop_index(op.f("ix_committee_member_committee_id"), table_name="committee_member")
    op.drop_table("committee_member")
    op.drop_index(op.f("ix_evaluation_score_estate_id"), table_name="evaluation_score")
    op.drop_index(op.f("ix_evaluation_score_corrects_id"), table_name="evaluation_score")
    op.drop_index("ix_evaluation_score_company_id", table_name="evaluation_score")
    op.drop_index(op.f("ix_evaluation_score_case_id"), table_name="evaluation_score")
    op.drop_table("evaluation_score")
    op.drop_index("uq_committee_in_office", table_name="committee", postgresql_where=sa.text("ended_at is null"))
    op.drop_index("ix_committee_to_day", table_name="committee", postgresql_where=sa.text("ended_at is null"))
    op.drop_index("ix_committee_estate_id", table_name="committee")
    op.drop_index(op.f("ix_committee_case_id"), table_name="committee")
    op.drop_index(op.f("ix_committee_body_id"), table_name="committee")
    op.drop_table("committee")
