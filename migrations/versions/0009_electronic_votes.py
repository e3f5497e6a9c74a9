"""electronic votes: links, and ballots that are written once"""

import sqlalchemy as sa
from alembic import op

from migrations.guards import KEEP_VOTES, UNKEEP_VOTES

revision = "0009"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "electronic_vote",
        sa.Column("decision_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_by", sa.String(), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_electronic_vote_by_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_electronic_vote_decision_id")),
        sa.PrimaryKeyConstraint("decision_id", name=op.f("pk_electronic_vote")),
    )
    op.create_table(
        "vote_link",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("decision_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("wrong", sa.Integer(), server_default="0", nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_vote_link_by_id")),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_vote_link_decision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vote_link")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_vote_link_token_hash")),
    )
    op.create_index("ix_vote_link_decision_id", "vote_link", ["decision_id"], unique=False)
    op.create_index(
        "uq_vote_link_decision_id_unit",
        "vote_link",
        ["decision_id", "unit"],
        unique=True,
        postgresql_where=sa.text("revoked_at is null"),
    )
    op.create_table(
        "electronic_ballot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("decision_id", sa.BigInteger(), nullable=False),
        sa.Column("link_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("opinion", sa.String(), nullable=False),
        sa.Column("salt", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_electronic_ballot_decision_id")),
        sa.ForeignKeyConstraint(["link_id"], ["vote_link.id"], name=op.f("fk_electronic_ballot_link_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_electronic_ballot")),
        sa.UniqueConstraint("hash", name=op.f("uq_electronic_ballot_hash")),
    )
    op.create_index(op.f("ix_electronic_ballot_link_id"), "electronic_ballot", ["link_id"], unique=False)
    op.create_index("uq_electronic_ballot_decision_id_seq", "electronic_ballot", ["decision_id", "seq"], unique=True)
    op.add_column("ballot", sa.Column("set_aside", sa.String(), nullable=True))
    op.execute(KEEP_VOTES)


def downgrade() -> None:
    op.execute(UNKEEP_VOTES)
    op.drop_column("ballot", "set_aside")
    op.drop_table("electronic_ballot")
    op.drop_table("vote_link")
    op.drop_table("electronic_vote")
