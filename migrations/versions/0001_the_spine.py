"""the spine"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


# What was written stays written: a line of a ledger is handled once, or blanked as the law may demand, and nothing else.
APPEND_ONLY = """
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception '% is append-only', tg_table_name using errcode = 'insufficient_privilege';
end $$;

create function guard_ledger() returns trigger language plpgsql as $$
begin
  if (to_jsonb(new) - '{handled_at,facts,note,salt}'::text[]) is distinct from
     (to_jsonb(old) - '{handled_at,facts,note,salt}'::text[]) then
    raise exception 'a line of the ledger cannot be changed' using errcode = 'insufficient_privilege';
  end if;
  if (new.facts, new.note, new.salt) is distinct from (old.facts, old.note, old.salt)
     and not (new.facts is null and new.note is null and new.salt is null) then
    raise exception 'a line of the ledger can only be blanked' using errcode = 'insufficient_privilege';
  end if;
  if old.handled_at is not null and new.handled_at is distinct from old.handled_at then
    raise exception 'an event is handled once' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;

create trigger guard_ledger before update on case_event for each row execute function guard_ledger();
create trigger refuse_delete before delete on case_event for each row execute function refuse_change();
create trigger refuse_truncate before truncate on case_event for each statement execute function refuse_change();
"""
KEPT = ("clock_line", "rule", "calendar_edition", "calendar_day", "blob", "document")


def upgrade() -> None:
    op.execute(sa.schema.CreateSequence(sa.Sequence("case_number")))
    op.create_table(
        "area",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("level", sa.String(), nullable=False),
        sa.Column("parent_id", sa.BigInteger(), nullable=True),
        sa.Column("path", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["area.id"], name=op.f("fk_area_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_area")),
        sa.UniqueConstraint("code", name=op.f("uq_area_code")),
    )
    op.create_index(op.f("ix_area_parent_id"), "area", ["parent_id"], unique=False)
    op.create_index("ix_area_path", "area", ["path"], unique=True, postgresql_ops={"path": "text_pattern_ops"})
    op.create_table(
        "blob",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_blob")),
    )
    op.create_table(
        "calendar_edition",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_calendar_edition")),
        sa.UniqueConstraint("name", name=op.f("uq_calendar_edition_name")),
    )
    op.create_table(
        "heartbeat",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeat")),
    )
    op.create_table(
        "office_clock",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("anchor_real", sa.DateTime(timezone=True), nullable=False),
        sa.Column("anchor_office", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rate", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_office_clock")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("account", sa.String(), nullable=True),
        sa.Column("password_hash", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("account", name=op.f("uq_person_account")),
    )
    op.create_table(
        "rule",
        sa.Column("pk", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("area_path", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("article", sa.String(), nullable=False),
        sa.Column("confidence", sa.String(), nullable=False),
        sa.Column("remark", sa.String(), nullable=False),
        sa.Column("ladder", sa.String(), nullable=True),
        sa.Column("effective_from", sa.Date(), nullable=False),
        sa.Column("effective_to", sa.Date(), nullable=True),
        sa.PrimaryKeyConstraint("pk", name=op.f("pk_rule")),
    )
    op.create_index("uq_rule_id_version_area_path", "rule", ["id", "version", "area_path"], unique=True)
    op.create_table(
        "api_token",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_api_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_index(op.f("ix_api_token_person_id"), "api_token", ["person_id"], unique=False)
    op.create_table(
        "body",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("code", sa.String(), nullable=True),
        sa.Column("area_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["area_id"], ["area.id"], name=op.f("fk_body_area_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_body")),
        sa.UniqueConstraint("name", name=op.f("uq_body_name")),
    )
    op.create_index(op.f("ix_body_area_id"), "body", ["area_id"], unique=False)
    op.create_table(
        "calendar_day",
        sa.Column("edition_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("works", sa.Boolean(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["edition_id"], ["calendar_edition.id"], name=op.f("fk_calendar_day_edition_id")),
        sa.PrimaryKeyConstraint("edition_id", "year", "day", name=op.f("pk_calendar_day")),
    )
    op.create_table(
        "idempotency_key",
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("key", sa.String(200), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("answer", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_idempotency_key_person_id")),
        sa.PrimaryKeyConstraint("person_id", "key", name=op.f("pk_idempotency_key")),
    )
    op.create_index(op.f("ix_idempotency_key_made_at"), "idempotency_key", ["made_at"], unique=False)
    op.create_table(
        "login",
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("csrf", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_login_person_id")),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login")),
    )
    op.create_index(op.f("ix_login_expires_at"), "login", ["expires_at"], unique=False)
    op.create_index(op.f("ix_login_person_id"), "login", ["person_id"], unique=False)
    op.create_table(
        "substitution",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("absent_id", sa.BigInteger(), nullable=False),
        sa.Column("substitute_id", sa.BigInteger(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.ForeignKeyConstraint(["absent_id"], ["person.id"], name=op.f("fk_substitution_absent_id")),
        sa.ForeignKeyConstraint(["substitute_id"], ["person.id"], name=op.f("fk_substitution_substitute_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_substitution")),
    )
    op.create_index(op.f("ix_substitution_absent_id"), "substitution", ["absent_id"], unique=False)
    op.create_index(op.f("ix_substitution_substitute_id"), "substitution", ["substitute_id"], unique=False)
    op.create_table(
        "estate",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("area_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("company_id", sa.BigInteger(), nullable=True),
        sa.Column("committee_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["area_id"], ["area.id"], name=op.f("fk_estate_area_id")),
        sa.ForeignKeyConstraint(["committee_id"], ["body.id"], name=op.f("fk_estate_committee_id")),
        sa.ForeignKeyConstraint(["company_id"], ["body.id"], name=op.f("fk_estate_company_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_estate")),
    )
    op.create_index(op.f("ix_estate_area_id"), "estate", ["area_id"], unique=False)
    op.create_index(op.f("ix_estate_committee_id"), "estate", ["committee_id"], unique=False)
    op.create_index(op.f("ix_estate_company_id"), "estate", ["company_id"], unique=False)
    op.create_index("ix_estate_path", "estate", ["path"], unique=False, postgresql_ops={"path": "text_pattern_ops"})
    op.create_table(
        "numbering",
        sa.Column("body_id", sa.BigInteger(), nullable=False),
        sa.Column("year", sa.Integer(), nullable=False),
        sa.Column("last", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["body_id"], ["body.id"], name=op.f("fk_numbering_body_id")),
        sa.PrimaryKeyConstraint("body_id", "year", name=op.f("pk_numbering")),
    )
    op.create_table(
        "case",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("desk", sa.String(), nullable=True),
        sa.Column("estate_id", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("applicant_id", sa.BigInteger(), nullable=False),
        sa.Column("committee_id", sa.BigInteger(), nullable=True),
        sa.Column("details", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("law_day", sa.Date(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stage_since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("assignee_id", sa.BigInteger(), nullable=True),
        sa.Column("next_due_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("warn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_paused", sa.Boolean(), nullable=False),
        sa.Column("last_seq", sa.Integer(), nullable=False),
        sa.Column("last_hash", sa.String(), nullable=False),
        sa.Column("last_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["applicant_id"], ["body.id"], name=op.f("fk_case_applicant_id")),
        sa.ForeignKeyConstraint(["assignee_id"], ["person.id"], name=op.f("fk_case_assignee_id")),
        sa.ForeignKeyConstraint(["committee_id"], ["body.id"], name=op.f("fk_case_committee_id")),
        sa.ForeignKeyConstraint(["estate_id"], ["estate.id"], name=op.f("fk_case_estate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case")),
        sa.UniqueConstraint("number", name=op.f("uq_case_number")),
    )
    op.create_index("ix_case_applicant_id", "case", ["applicant_id", "id"], unique=False)
    op.create_index(
        "ix_case_assignee_id", "case", ["assignee_id"], unique=False, postgresql_where=sa.text("closed_at is null")
    )
    op.create_index("ix_case_committee_id", "case", ["committee_id", "id"], unique=False)
    op.create_index("ix_case_estate_id", "case", ["estate_id", "id"], unique=False)
    op.create_index(
        "ix_case_open",
        "case",
        ["path", "type", "stage", "next_due_at", "warn_at", "desk", "is_paused", "stage_since", "id"],
        unique=False,
        postgresql_where=sa.text("closed_at is null"),
        postgresql_ops={"path": "text_pattern_ops"},
    )
    op.create_index("ix_case_path", "case", ["path", "id"], unique=False, postgresql_ops={"path": "text_pattern_ops"})
    op.create_table(
        "post",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("body_id", sa.BigInteger(), nullable=True),
        sa.Column("area_path", sa.String(), nullable=False),
        sa.Column("estate_id", sa.BigInteger(), nullable=True),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["body_id"], ["body.id"], name=op.f("fk_post_body_id")),
        sa.ForeignKeyConstraint(["estate_id"], ["estate.id"], name=op.f("fk_post_estate_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_post_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_post")),
    )
    op.create_index("ix_post_area_path_role", "post", ["area_path", "role"], unique=False)
    op.create_index(op.f("ix_post_body_id"), "post", ["body_id"], unique=False)
    op.create_index(op.f("ix_post_estate_id"), "post", ["estate_id"], unique=False)
    op.create_index(op.f("ix_post_person_id"), "post", ["person_id"], unique=False)
    op.create_table(
        "roster",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("estate_id", sa.BigInteger(), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("units", sa.Integer(), nullable=False),
        sa.Column("heads", sa.Integer(), nullable=False),
        sa.Column("total_area_dm2", sa.Integer(), nullable=False),
        sa.Column("unsold_units", sa.Integer(), nullable=False),
        sa.Column("duplicate_lines", sa.Integer(), nullable=False),
        sa.Column("findings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_roster_by_id")),
        sa.ForeignKeyConstraint(["estate_id"], ["estate.id"], name=op.f("fk_roster_estate_id")),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name=op.f("fk_roster_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_roster")),
    )
    op.create_index(op.f("ix_roster_estate_id"), "roster", ["estate_id"], unique=False)
    op.create_table(
        "unit",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("estate_id", sa.BigInteger(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("area_dm2", sa.Integer(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("owner_key", sa.String(), nullable=False),
        sa.Column("unsold", sa.Boolean(), nullable=False),
        sa.Column("id_number", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["estate_id"], ["estate.id"], name=op.f("fk_unit_estate_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_unit")),
        comment="业主名册",
    )
    op.create_index("uq_unit_estate_id_label", "unit", ["estate_id", "label"], unique=True)
    op.create_table(
        "attachment",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("need", sa.String(), nullable=True),
        sa.Column("filename", sa.String(), nullable=False),
        sa.Column("media_type", sa.String(), nullable=False),
        sa.Column("size", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_attachment_by_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_attachment_case_id")),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name=op.f("fk_attachment_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attachment")),
    )
    op.create_index(op.f("ix_attachment_case_id"), "attachment", ["case_id"], unique=False)
    op.create_table(
        "case_event",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("from_stage", sa.String(), nullable=True),
        sa.Column("to_stage", sa.String(), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("on_behalf_of", sa.String(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("salt", sa.String(), nullable=True),
        sa.Column("facts_hash", sa.String(), nullable=False),
        sa.Column("prev_hash", sa.String(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_case_event_by_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_case_event_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_case_event")),
    )
    op.create_index(
        "ix_case_event_unhandled", "case_event", ["id"], unique=False, postgresql_where=sa.text("handled_at is null")
    )
    op.create_index("uq_case_event_case_id_seq", "case_event", ["case_id", "seq"], unique=True)
    op.create_table(
        "clock",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("limits", sa.String(), nullable=False),
        sa.Column("fires", sa.String(), nullable=True),
        sa.Column("rule_pk", sa.BigInteger(), nullable=False),
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("limit", sa.String(), nullable=False),
        sa.Column("edition", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_day", sa.Date(), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("warn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("ladder", sa.String(), nullable=True),
        sa.Column("next_step", sa.String(), nullable=True),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_fired_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("parked_why", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_clock_case_id")),
        sa.ForeignKeyConstraint(["rule_pk"], ["rule.pk"], name=op.f("fk_clock_rule_pk")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock")),
    )
    op.create_index("ix_clock_case_id", "clock", ["case_id"], unique=False)
    op.create_index(
        "ix_clock_next",
        "clock",
        ["next_at"],
        unique=False,
        postgresql_where=sa.text("next_at is not null and parked_at is null"),
    )
    op.create_index("ix_clock_parked", "clock", ["id"], unique=False, postgresql_where=sa.text("parked_at is not null"))
    op.create_index(op.f("ix_clock_rule_pk"), "clock", ["rule_pk"], unique=False)
    op.create_index(
        "ix_clock_running", "clock", ["case_id"], unique=False, postgresql_where=sa.text("stopped_at is null")
    )
    op.create_index(
        "ix_clock_stopped",
        "clock",
        ["stopped_at", "outcome", "case_id"],
        unique=False,
        postgresql_where=sa.text("kind = 'deadline'"),
    )
    op.create_table(
        "decision",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("estate_id", sa.BigInteger(), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("window_from", sa.Date(), nullable=True),
        sa.Column("window_to", sa.Date(), nullable=True),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("roster_id", sa.BigInteger(), nullable=True),
        sa.Column("filename", sa.String(), nullable=True),
        sa.Column("sha256", sa.String(), nullable=True),
        sa.Column("rulings", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("tally", postgresql.JSONB(astext_type=sa.Text()), nullable=True),
        sa.Column("counted_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_decision_by_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_decision_case_id")),
        sa.ForeignKeyConstraint(["estate_id"], ["estate.id"], name=op.f("fk_decision_estate_id")),
        sa.ForeignKeyConstraint(["roster_id"], ["roster.id"], name=op.f("fk_decision_roster_id")),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name=op.f("fk_decision_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )
    op.create_index(op.f("ix_decision_case_id"), "decision", ["case_id"], unique=False)
    op.create_index(op.f("ix_decision_estate_id"), "decision", ["estate_id"], unique=False)
    op.create_table(
        "objection",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("by_id", sa.BigInteger(), nullable=True),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["by_id"], ["person.id"], name=op.f("fk_objection_by_id")),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_objection_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_objection")),
    )
    op.create_index(op.f("ix_objection_case_id"), "objection", ["case_id"], unique=False)
    op.create_table(
        "publicity",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("from_day", sa.Date(), nullable=False),
        sa.Column("to_day", sa.Date(), nullable=False),
        sa.Column("places", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_publicity_case_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publicity")),
    )
    op.create_index(op.f("ix_publicity_case_id"), "publicity", ["case_id"], unique=False)
    op.create_table(
        "ballot",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("decision_id", sa.BigInteger(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("opinion", sa.String(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("row", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["decision_id"], ["decision.id"], name=op.f("fk_ballot_decision_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ballot")),
    )
    op.create_index("ix_ballot_decision_id_unit", "ballot", ["decision_id", "unit"], unique=False)
    op.create_table(
        "clock_line",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("what", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("old_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("new_due", sa.DateTime(timezone=True), nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["clock_id"], ["clock.id"], name=op.f("fk_clock_line_clock_id")),
        sa.ForeignKeyConstraint(["event_id"], ["case_event.id"], name=op.f("fk_clock_line_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_line")),
    )
    op.create_index(op.f("ix_clock_line_clock_id"), "clock_line", ["clock_id"], unique=False)
    op.create_table(
        "clock_pause",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("evidence", sa.String(), nullable=True),
        sa.Column("paused_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("resumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("cap_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["clock_id"], ["clock.id"], name=op.f("fk_clock_pause_clock_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_clock_pause")),
    )
    op.create_index(op.f("ix_clock_pause_clock_id"), "clock_pause", ["clock_id"], unique=False)
    op.create_table(
        "document",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("number", sa.String(), nullable=False),
        sa.Column("issuer_id", sa.BigInteger(), nullable=False),
        sa.Column("issued_on", sa.Date(), nullable=False),
        sa.Column("facts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("fonts", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("pages", sa.Integer(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_document_case_id")),
        sa.ForeignKeyConstraint(["event_id"], ["case_event.id"], name=op.f("fk_document_event_id")),
        sa.ForeignKeyConstraint(["issuer_id"], ["body.id"], name=op.f("fk_document_issuer_id")),
        sa.ForeignKeyConstraint(["sha256"], ["blob.sha256"], name=op.f("fk_document_sha256")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_document")),
        sa.UniqueConstraint("number", name=op.f("uq_document_number")),
    )
    op.create_index(op.f("ix_document_case_id"), "document", ["case_id"], unique=False)
    op.create_index("uq_document_event_id_kind", "document", ["event_id", "kind"], unique=True)
    op.create_table(
        "escalation",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("clock_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("fired_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("told", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.ForeignKeyConstraint(["clock_id"], ["clock.id"], name=op.f("fk_escalation_clock_id")),
        sa.ForeignKeyConstraint(["event_id"], ["case_event.id"], name=op.f("fk_escalation_event_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_escalation")),
    )
    op.create_index(
        "uq_escalation_clock_id_generation_step", "escalation", ["clock_id", "generation", "step"], unique=True
    )
    op.create_table(
        "notice",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_notice_case_id")),
        sa.ForeignKeyConstraint(["event_id"], ["case_event.id"], name=op.f("fk_notice_event_id")),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_notice_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notice")),
    )
    op.create_index(op.f("ix_notice_case_id"), "notice", ["case_id"], unique=False)
    op.create_index(
        "ix_notice_unread", "notice", ["person_id", "id"], unique=False, postgresql_where=sa.text("read_at is null")
    )
    op.create_index("uq_notice_event_id_person_id_channel", "notice", ["event_id", "person_id", "channel"], unique=True)
    op.create_table(
        "orphan",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("case_id", sa.BigInteger(), nullable=False),
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("wanted", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["case.id"], name=op.f("fk_orphan_case_id")),
        sa.ForeignKeyConstraint(["event_id"], ["case_event.id"], name=op.f("fk_orphan_event_id")),
        sa.ForeignKeyConstraint(["taken_by_id"], ["person.id"], name=op.f("fk_orphan_taken_by_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orphan")),
    )
    op.create_index(op.f("ix_orphan_case_id"), "orphan", ["case_id"], unique=False)
    op.create_index("ix_orphan_open", "orphan", ["id"], unique=False, postgresql_where=sa.text("taken_by_id is null"))
    op.create_index("uq_orphan_event_id_wanted", "orphan", ["event_id", "wanted"], unique=True)
    op.create_table(
        "trouble",
        sa.Column("event_id", sa.BigInteger(), nullable=False),
        sa.Column("why", sa.String(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("retry_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["event_id"], ["case_event.id"], name=op.f("fk_trouble_event_id")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_trouble")),
    )
    op.execute(APPEND_ONLY)
    for table in KEPT:
        op.execute(
            f"create trigger refuse_change before update or delete on {table} for each row execute function refuse_change()"
        )


def downgrade() -> None:
    op.drop_table("trouble")
    op.drop_index("uq_orphan_event_id_wanted", table_name="orphan")
    op.drop_index("ix_orphan_open", table_name="orphan", postgresql_where=sa.text("taken_by_id is null"))
    op.drop_index(op.f("ix_orphan_case_id"), table_name="orphan")
    op.drop_table("orphan")
    op.drop_index("uq_notice_event_id_person_id_channel", table_name="notice")
    op.drop_index("ix_notice_unread", table_name="notice", postgresql_where=sa.text("read_at is null"))
    op.drop_index(op.f("ix_notice_case_id"), table_name="notice")
    op.drop_table("notice")
    op.drop_index("uq_escalation_clock_id_generation_step", table_name="escalation")
    op.drop_table("escalation")
    op.drop_index("uq_document_event_id_kind", table_name="document")
    op.drop_index(op.f("ix_document_case_id"), table_name="document")
    op.drop_table("document")
    op.drop_index(op.f("ix_clock_pause_clock_id"), table_name="clock_pause")
    op.drop_table("clock_pause")
    op.drop_index(op.f("ix_clock_line_clock_id"), table_name="clock_line")
    op.drop_table("clock_line")
    op.drop_index("ix_ballot_decision_id_unit", table_name="ballot")
    op.drop_table("ballot")
    op.drop_index(op.f("ix_publicity_case_id"), table_name="publicity")
    op.drop_table("publicity")
    op.drop_index(op.f("ix_objection_case_id"), table_name="objection")
    op.drop_table("objection")
    op.drop_index(op.f("ix_decision_estate_id"), table_name="decision")
    op.drop_index(op.f("ix_decision_case_id"), table_name="decision")
    op.drop_table("decision")
    op.drop_index("ix_clock_stopped", table_name="clock", postgresql_where=sa.text("kind = 'deadline'"))
    op.drop_index("ix_clock_running", table_name="clock", postgresql_where=sa.text("stopped_at is null"))
    op.drop_index(op.f("ix_clock_rule_pk"), table_name="clock")
    op.drop_index("ix_clock_parked", table_name="clock", postgresql_where=sa.text("parked_at is not null"))
    op.drop_index(
        "ix_clock_next", table_name="clock", postgresql_where=sa.text("next_at is not null and parked_at is null")
    )
    op.drop_index("ix_clock_case_id", table_name="clock")
    op.drop_table("clock")
    op.drop_index("uq_case_event_case_id_seq", table_name="case_event")
    op.drop_index("ix_case_event_unhandled", table_name="case_event", postgresql_where=sa.text("handled_at is null"))
    op.drop_table("case_event")
    op.drop_index(op.f("ix_attachment_case_id"), table_name="attachment")
    op.drop_table("attachment")
    op.drop_index("uq_unit_estate_id_label", table_name="unit")
    op.drop_table("unit")
    op.drop_index(op.f("ix_roster_estate_id"), table_name="roster")
    op.drop_table("roster")
    op.drop_index(op.f("ix_post_person_id"), table_name="post")
    op.drop_index(op.f("ix_post_estate_id"), table_name="post")
    op.drop_index(op.f("ix_post_body_id"), table_name="post")
    op.drop_index("ix_post_area_path_role", table_name="post")
    op.drop_table("post")
    op.drop_index("ix_case_path", table_name="case", postgresql_ops={"path": "text_pattern_ops"})
    op.drop_index(
        "ix_case_open",
        table_name="case",
        postgresql_where=sa.text("closed_at is null"),
        postgresql_ops={"path": "text_pattern_ops"},
    )
    op.drop_index("ix_case_estate_id", table_name="case")
    op.drop_index("ix_case_committee_id", table_name="case")
    op.drop_index("ix_case_assignee_id", table_name="case", postgresql_where=sa.text("closed_at is null"))
    op.drop_index("ix_case_applicant_id", table_name="case")
    op.drop_table("case")
    op.drop_table("numbering")
    op.drop_index("ix_estate_path", table_name="estate", postgresql_ops={"path": "text_pattern_ops"})
    op.drop_index(op.f("ix_estate_company_id"), table_name="estate")
    op.drop_index(op.f("ix_estate_committee_id"), table_name="estate")
    op.drop_index(op.f("ix_estate_area_id"), table_name="estate")
    op.drop_table("estate")
    op.drop_index(op.f("ix_substitution_substitute_id"), table_name="substitution")
    op.drop_index(op.f("ix_substitution_absent_id"), table_name="substitution")
    op.drop_table("substitution")
    op.drop_index(op.f("ix_login_person_id"), table_name="login")
    op.drop_index(op.f("ix_login_expires_at"), table_name="login")
    op.drop_table("login")
    op.drop_index(op.f("ix_idempotency_key_made_at"), table_name="idempotency_key")
    op.drop_table("idempotency_key")
    op.drop_table("calendar_day")
    op.drop_index(op.f("ix_body_area_id"), table_name="body")
    op.drop_table("body")
    op.drop_index(op.f("ix_api_token_person_id"), table_name="api_token")
    op.drop_table("api_token")
    op.drop_index("uq_rule_id_version_area_path", table_name="rule")
    op.drop_table("rule")
    op.drop_table("person")
    op.drop_table("office_clock")
    op.drop_table("heartbeat")
    op.drop_table("calendar_edition")
    op.drop_table("blob")
    op.drop_index("ix_area_path", table_name="area", postgresql_ops={"path": "text_pattern_ops"})
    op.drop_index(op.f("ix_area_parent_id"), table_name="area")
    op.drop_table("area")
    op.execute("drop function guard_ledger, refuse_change")
    op.execute(sa.schema.DropSequence(sa.Sequence("case_number")))
