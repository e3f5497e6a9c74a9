"""case types"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "fund_account",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("estate_id", sa.BigInteger(), nullable=False),
        sa.Column("holder", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["estate_id"], ["estate.id"], name=op.f("fk_fund_account_estate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fund_account")),
    )
    op.create_index(
        "uq_fund_account_estate_id_holder_unit", "fund_account", ["estate_id", "holder", "unit"], unique=True
    )
    op.create_table(
        "attendance",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("sitting", sa.Integer(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("opinion", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_attendance_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attendance")),
    )
    op.create_index(op.f("ix_attendance_case_id"), "attendance", ["case_id"], unique=False)
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
        "fund_posting",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("estate_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("filename", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_fund_posting_by_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_fund_posting_case_id")),
        sa.ForeignKeyConstraint(["estate_id"], ["estate.id"], name=op.f("fk_fund_posting_estate_id")),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name=op.f("fk_fund_posting_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fund_posting")),
    )
    op.create_index(op.f("ix_fund_posting_case_id"), "fund_posting", ["case_id"], unique=False)
    op.create_index(op.f("ix_fund_posting_estate_id"), "fund_posting", ["estate_id"], unique=False)
    op.create_table(
        "resolution",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("task", sa.String(), nullable=False),
        sa.Column("body_id", sa.BigInteger(), nullable=False),
        sa.Column("due", sa.Date(), nullable=False),
        sa.Column("item_id", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["body_id"], ["body.id"], name=op.f("fk_resolution_body_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_resolution_case_id")),
        sa.ForeignKeyConstraint(["item_id"], ["case.id"], name=op.f("fk_resolution_item_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_resolution")),
    )
    op.create_index(op.f("ix_resolution_body_id"), "resolution", ["body_id"], unique=False)
    op.create_index(op.f("ix_resolution_case_id"), "resolution", ["case_id"], unique=False)
    op.create_index(op.f("ix_resolution_item_id"), "resolution", ["item_id"], unique=False)
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
    op.create_table(
        "fund_entry",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("posting_id", sa.BigInteger(), nullable=False),
        sa.Column("account_id", sa.BigInteger(), nullable=False),
        sa.Column("fen", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(), nullable=True),
        sa.Column("area_dm2", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["fund_account.id"], name=op.f("fk_fund_entry_account_id")),
        sa.ForeignKeyConstraint(["posting_id"], ["fund_posting.id"], name=op.f("fk_fund_entry_posting_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_fund_entry")),
    )
    op.create_index(op.f("ix_fund_entry_account_id"), "fund_entry", ["account_id"], unique=False)
    op.create_index(op.f("ix_fund_entry_posting_id"), "fund_entry", ["posting_id"], unique=False)
    op.add_column("estate", sa.Column("owners_id", sa.BigInteger(), nullable=True))
    op.create_index(op.f("ix_estate_owners_id"), "estate", ["owners_id"], unique=False)
    op.create_foreign_key(op.f("fk_estate_owners_id"), "estate", "body", ["owners_id"], ["id"])
    op.add_column("objection", sa.Column("name", sa.String(), nullable=False))
    op.add_column("objection", sa.Column("unit", sa.String(), nullable=False))
    op.add_column("objection", sa.Column("words", sa.String(), nullable=False))
    op.add_column("objection", sa.Column("upheld", sa.Boolean(), nullable=True))
    op.create_index(
        "ix_objection_unanswered",
        "objection",
        ["case_id"],
        unique=False,
        postgresql_where=sa.text("answered_at is null"),
    )
    op.drop_column("objection", "text")
    op.add_column("publicity", sa.Column("clock_id", sa.BigInteger(), nullable=True))
    op.add_column("publicity", sa.Column("notice", sa.String(), server_default="", nullable=False))
    op.create_foreign_key(op.f("fk_publicity_clock_id"), "publicity", "clock", ["clock_id"], ["id"])


def downgrade() -> None:
    op.drop_constraint(op.f("fk_publicity_clock_id"), "publicity", type_="foreignkey")
    op.drop_column("publicity", "notice")
    op.drop_column("publicity", "clock_id")
    op.add_column("objection", sa.Column("text", sa.VARCHAR(), autoincrement=False, nullable=False))
    op.drop_index("ix_objection_unanswered", table_name="objection", postgresql_where=sa.text("answered_at is null"))
    op.drop_column("objection", "upheld")
    op.drop_column("objection", "words")
    op.drop_column("objection", "unit")
    op.drop_column("objection", "name")
    op.drop_constraint(op.f("fk_estate_owners_id"), "estate", type_="foreignkey")
    op.drop_index(op.f("ix_estate_owners_id"), table_name="estate")
    op.drop_column("estate", "owners_id")
    op.drop_index(op.f("ix_fund_entry_posting_id"), table_name="fund_entry")
    op.drop_index(op.f("ix_fund_entry_account_id"), table_name="fund_entry")
    op.drop_table("fund_entry")
    op.drop_index(op.f("ix_committee_member_committee_id"), table_name="committee_member")
    op.drop_table("committee_member")
    op.drop_index(op.f("ix_resolution_item_id"), table_name="resolution")
    op.drop_index(op.f("ix_resolution_case_id"), table_name="resolution")
    op.drop_index(op.f("ix_resolution_body_id"), table_name="resolution")
    op.drop_table("resolution")
    op.drop_index(op.f("ix_fund_posting_estate_id"), table_name="fund_posting")
    op.drop_index(op.f("ix_fund_posting_case_id"), table_name="fund_posting")
    op.drop_table("fund_posting")
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
    op.drop_index(op.f("ix_attendance_case_id"), table_name="attendance")
    op.drop_table("attendance")
    op.drop_index("uq_fund_account_estate_id_holder_unit", table_name="fund_account")
    op.drop_table("fund_account")
