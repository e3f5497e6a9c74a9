"""the clock"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from migrations.guards import GUARDS, UNGUARD

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ladder_seal",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_ladder_seal")),
    )
    op.create_table(
        "lateness",
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("counts", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("seconds", sa.Float(), nullable=False),
        sa.Column("upto", sa.BigInteger(), nullable=False),
        sa.Column("mark", sa.BigInteger(), nullable=False),
        sa.Column("mark_xid", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("what", name=op.f("pk_lateness")),
    )
    op.create_table(
        "job",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("params", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=True),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("put_back", postgresql.ARRAY(sa.BigInteger()), server_default="{}", nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("result", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_job_asked_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
    )
    op.create_index("ix_job_open", "job", ["id"], unique=False, postgresql_where=sa.text("finished_at is null"))
    op.create_table(
        "message",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("slot", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("body", sa.String(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("mail_to", sa.String(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("why", sa.String(), nullable=True),
        sa.Column("successor_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_message_person_id")),
        sa.ForeignKeyConstraint(["successor_id"], ["message.id"], name=op.f("fk_message_successor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_message")),
    )
    op.create_index(
        "ix_message_failed",
        "message",
        ["id"],
        unique=False,
        postgresql_where=sa.text(
            "mail_to is not null and sent_at is null and retry_at is null and successor_id is null"
        ),
    )
    op.create_index(
        "ix_message_of_person",
        "message",
        ["person_id", "id"],
        unique=False,
        postgresql_where=sa.text("successor_id is null"),
    )
    op.create_index(
        "ix_message_unsent", "message", ["retry_at"], unique=False, postgresql_where=sa.text("retry_at is not null")
    )
    op.create_index("uq_message_person_id_kind_slot", "message", ["person_id", "kind", "slot"], unique=True)
    op.create_table(
        "morning",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=True),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["cursor"], ["person.id"], name=op.f("fk_morning_cursor")),
        sa.PrimaryKeyConstraint("day", name=op.f("pk_morning")),
    )
    op.create_table(
        "proposal",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("content", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("made_by_id", sa.BigInteger(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("preview_id", sa.BigInteger(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decision", sa.String(), nullable=True),
        sa.Column("rebase_id", sa.BigInteger(), nullable=True),
        sa.CheckConstraint("decided_by_id <> made_by_id or state = 'withdrawn'", name=op.f("ck_proposal_two_persons")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_proposal_decided_by_id")),
        sa.ForeignKeyConstraint(["made_by_id"], ["person.id"], name=op.f("fk_proposal_made_by_id")),
        sa.ForeignKeyConstraint(["preview_id"], ["job.id"], name=op.f("fk_proposal_preview_id")),
        sa.ForeignKeyConstraint(["rebase_id"], ["job.id"], name=op.f("fk_proposal_rebase_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_proposal")),
    )
    op.create_index("ix_proposal_open", "proposal", ["id"], unique=False, postgresql_where=sa.text("state = 'open'"))
    op.create_table(
        "link",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("from_id", sa.BigInteger(), nullable=False),
        sa.Column("to_id", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["from_id"], ["case.id"], name=op.f("fk_link_from_id")),
        sa.ForeignKeyConstraint(["to_id"], ["case.id"], name=op.f("fk_link_to_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_link")),
    )
    op.create_index(op.f("ix_link_from_id"), "link", ["from_id"], unique=False)
    op.create_index(op.f("ix_link_to_id"), "link", ["to_id"], unique=False)
    op.create_index("uq_link_from_id_to_id_why", "link", ["from_id", "to_id", "why"], unique=True)
    op.create_table(
        "agenda_item",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("meeting_id", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("settled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("result", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_agenda_item_case_id")),
        sa.ForeignKeyConstraint(["event_id"], ["case_event.id"], name=op.f("fk_agenda_item_event_id")),
        sa.ForeignKeyConstraint(["meeting_id"], ["case.id"], name=op.f("fk_agenda_item_meeting_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agenda_item")),
    )
    op.create_index(op.f("ix_agenda_item_case_id"), "agenda_item", ["case_id"], unique=False)
    op.create_index(op.f("ix_agenda_item_meeting_id"), "agenda_item", ["meeting_id"], unique=False)
    op.create_index(
        "ix_agenda_item_unsettled",
        "agenda_item",
        ["case_id"],
        unique=False,
        postgresql_where=sa.text("settled_at is null"),
    )
    op.create_index(
        "uq_agenda_item_open",
        "agenda_item",
        ["meeting_id", "case_id"],
        unique=True,
        postgresql_where=sa.text("settled_at is null"),
    )
    op.create_table(
        "clock_extension",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("asked_by_id", sa.BigInteger(), nullable=False),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by_id", sa.BigInteger(), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("granted", sa.Boolean(), nullable=True),
        sa.ForeignKeyConstraint(["asked_by_id"], ["person.id"], name=op.f("fk_clock_extension_asked_by_id")),
        sa.ForeignKeyConstraint(["clock_id"], ["clock.id"], name=op.f("fk_clock_extension_clock_id")),
        sa.ForeignKeyConstraint(["decided_by_id"], ["person.id"], name=op.f("fk_clock_extension_decided_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_extension")),
    )
    op.create_index(op.f("ix_clock_extension_clock_id"), "clock_extension", ["clock_id"], unique=False)
    op.add_column("calendar_day", sa.Column("closed", sa.String(), nullable=True))
    op.add_column("calendar_edition", sa.Column("proposal_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(
        op.f("fk_calendar_edition_proposal_id"), "calendar_edition", "proposal", ["proposal_id"], ["id"]
    )
    op.add_column("case", sa.Column("place", sa.String(), server_default="", nullable=False))
    op.add_column("case", sa.Column("serves", sa.String(), nullable=True))
    op.add_column("case", sa.Column("period_ends_at", sa.DateTime(timezone=True), nullable=True))
    op.alter_column("case", "estate_id", existing_type=sa.BIGINT(), nullable=True)
    op.drop_index(
        op.f("ix_case_open"),
        table_name="case",
        postgresql_ops={"path": "text_pattern_ops"},
        postgresql_where="(closed_at IS NULL)",
    )
    op.create_index(
        "ix_case_open",
        "case",
        ["path", "type", "stage", "next_due_at", "warn_at", "desk", "is_paused", "stage_since", "period_ends_at", "id"],
        unique=False,
        postgresql_where=sa.text("closed_at is null"),
        postgresql_ops={"path": "text_pattern_ops"},
    )
    op.execute('update "case" set place = estate.name from estate where estate.id = estate_id')
    op.execute(
        'update "case" set period_ends_at = (select min(due_at) from clock'
        " where case_id = \"case\".id and kind = 'period' and stopped_at is null)"
    )
    op.create_index(
        "uq_case_serves",
        "case",
        ["type", "serves"],
        unique=True,
        postgresql_where=sa.text("closed_at is null and serves is not null"),
    )
    op.add_column("clock", sa.Column("extensions", sa.Integer(), server_default="0", nullable=False))
    op.add_column("clock", sa.Column("extended_by", sa.Integer(), server_default="0", nullable=False))
    op.add_column("clock_pause", sa.Column("rule_id", sa.String(), nullable=True))
    op.create_index(
        "ix_escalation_fired",
        "escalation",
        ["fired_at", "at"],
        unique=False,
        postgresql_where=sa.text("outcome = 'fired'"),
    )
    op.add_column("heartbeat", sa.Column("who", sa.String(), server_default="", nullable=False))
    op.add_column("heartbeat", sa.Column("since", sa.DateTime(timezone=True), nullable=True))
    op.add_column("notice", sa.Column("message_id", sa.BigInteger(), nullable=True))
    op.create_index(
        "ix_notice_message_id",
        "notice",
        ["message_id", "id"],
        unique=False,
        postgresql_where=sa.text("message_id is not null"),
    )
    op.create_index(
        "ix_notice_untold",
        "notice",
        ["person_id", "id"],
        unique=False,
        postgresql_where=sa.text("message_id is null and read_at is null"),
    )
    op.create_foreign_key(op.f("fk_notice_message_id"), "notice", "message", ["message_id"], ["id"])
    op.add_column("person", sa.Column("mail", sa.Boolean(), server_default="true", nullable=False))
    op.add_column("rule", sa.Column("on_expiry", sa.String(), nullable=True))
    op.add_column("rule", sa.Column("deemed_from", sa.String(), nullable=True))
    op.add_column("rule", sa.Column("once", sa.Boolean(), server_default="false", nullable=False))
    op.add_column("rule", sa.Column("proposal_id", sa.BigInteger(), nullable=True))
    op.add_column("rule", sa.Column("shipped_version", sa.Integer(), nullable=True))
    op.create_foreign_key(op.f("fk_rule_proposal_id"), "rule", "proposal", ["proposal_id"], ["id"])
    op.add_column("substitution", sa.Column("made_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("substitution", sa.Column("made_by_id", sa.BigInteger(), nullable=True))
    op.add_column("substitution", sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("substitution", sa.Column("ended_by_id", sa.BigInteger(), nullable=True))
    op.create_foreign_key(op.f("fk_substitution_made_by_id"), "substitution", "person", ["made_by_id"], ["id"])
    op.create_foreign_key(op.f("fk_substitution_ended_by_id"), "substitution", "person", ["ended_by_id"], ["id"])
    op.execute(GUARDS)


def downgrade() -> None:
    op.execute(UNGUARD)
    op.drop_constraint(op.f("fk_substitution_ended_by_id"), "substitution", type_="foreignkey")
    op.drop_constraint(op.f("fk_substitution_made_by_id"), "substitution", type_="foreignkey")
    op.drop_column("substitution", "ended_by_id")
    op.drop_column("substitution", "ended_at")
    op.drop_column("substitution", "made_by_id")
    op.drop_column("substitution", "made_at")
    op.drop_constraint(op.f("fk_rule_proposal_id"), "rule", type_="foreignkey")
    op.drop_column("rule", "shipped_version")
    op.drop_column("rule", "proposal_id")
    op.drop_column("rule", "once")
    op.drop_column("rule", "deemed_from")
    op.drop_column("rule", "on_expiry")
    op.drop_column("person", "mail")
    op.drop_constraint(op.f("fk_notice_message_id"), "notice", type_="foreignkey")
    op.drop_index(
        "ix_notice_untold", table_name="notice", postgresql_where=sa.text("message_id is null and read_at is null")
    )
    op.drop_index("ix_notice_message_id", table_name="notice", postgresql_where=sa.text("message_id is not null"))
    op.drop_column("notice", "message_id")
    op.drop_column("heartbeat", "since")
    op.drop_column("heartbeat", "who")
    op.drop_index("ix_escalation_fired", table_name="escalation", postgresql_where=sa.text("outcome = 'fired'"))
    op.drop_column("clock_pause", "rule_id")
    op.drop_column("clock", "extended_by")
    op.drop_column("clock", "extensions")
    op.drop_index(
        "uq_case_serves", table_name="case", postgresql_where=sa.text("closed_at is null and serves is not null")
    )
    op.drop_index(
        "ix_case_open",
        table_name="case",
        postgresql_where=sa.text("closed_at is null"),
        postgresql_ops={"path": "text_pattern_ops"},
    )
    op.create_index(
        op.f("ix_case_open"),
        "case",
        ["path", "type", "stage", "next_due_at", "warn_at", "desk", "is_paused", "stage_since", "id"],
        unique=False,
        postgresql_ops={"path": "text_pattern_ops"},
        postgresql_where="(closed_at IS NULL)",
    )
    op.alter_column("case", "estate_id", existing_type=sa.BIGINT(), nullable=False)
    op.drop_column("case", "period_ends_at")
    op.drop_column("case", "serves")
    op.drop_column("case", "place")
    op.drop_constraint(op.f("fk_calendar_edition_proposal_id"), "calendar_edition", type_="foreignkey")
    op.drop_column("calendar_edition", "proposal_id")
    op.drop_column("calendar_day", "closed")
    op.drop_index(op.f("ix_clock_extension_clock_id"), table_name="clock_extension")
    op.drop_table("clock_extension")
    op.drop_index("uq_agenda_item_open", table_name="agenda_item", postgresql_where=sa.text("settled_at is null"))
    op.drop_index("ix_agenda_item_unsettled", table_name="agenda_item", postgresql_where=sa.text("settled_at is null"))
    op.drop_index(op.f("ix_agenda_item_meeting_id"), table_name="agenda_item")
    op.drop_index(op.f("ix_agenda_item_case_id"), table_name="agenda_item")
    op.drop_table("agenda_item")
    op.drop_index("uq_link_from_id_to_id_why", table_name="link")
    op.drop_index(op.f("ix_link_to_id"), table_name="link")
    op.drop_index(op.f("ix_link_from_id"), table_name="link")
    op.drop_table("link")
    op.drop_index("ix_proposal_open", table_name="proposal", postgresql_where=sa.text("state = 'open'"))
    op.drop_table("proposal")
    op.drop_table("morning")
    op.drop_index("uq_message_person_id_kind_slot", table_name="message")
    op.drop_index("ix_message_unsent", table_name="message", postgresql_where=sa.text("retry_at is not null"))
    op.drop_index("ix_message_of_person", table_name="message", postgresql_where=sa.text("successor_id is null"))
    op.drop_index(
        "ix_message_failed",
        table_name="message",
        postgresql_where=sa.text(
            "mail_to is not null and sent_at is null and retry_at is null and successor_id is null"
        ),
    )
    op.drop_table("message")
    op.drop_index("ix_job_open", table_name="job", postgresql_where=sa.text("finished_at is null"))
    op.drop_table("job")
    op.drop_table("lateness")
    op.drop_table("ladder_seal")
