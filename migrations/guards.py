"""What no model can say: triggers by which the database keeps what was agreed, added by the migrations.

A calendar edition is written when it is proposed and approved once, by another person than its proposer; from then on it
takes no further day. Whoever proposed a change can never be the one who approved it. A line of the scoring ledger is put right
by a further line.
"""

GUARDS = """
drop trigger refuse_change on calendar_edition;
create function guard_edition() returns trigger language plpgsql as $$
begin
  if old.approved_at is not null or new.approved_at is null
     or (to_jsonb(new) - 'approved_at') is distinct from (to_jsonb(old) - 'approved_at') then
    raise exception 'a calendar edition is approved once and never changed' using errcode = 'insufficient_privilege';
  end if;
  if exists (select 1 from proposal where id = new.proposal_id and decided_by_id is not distinct from made_by_id) then
    raise exception 'an edition is approved by another person' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger guard_edition before update on calendar_edition for each row execute function guard_edition();
create trigger refuse_delete before delete on calendar_edition for each row execute function refuse_change();

create function guard_days() returns trigger language plpgsql as $$
begin
  if exists (select 1 from calendar_edition where approved_at is not null and id in (select edition_id from added)) then
    raise exception 'an approved edition takes no further days' using errcode = 'insufficient_privilege';
  end if;
  return null;
end $$;
create trigger guard_days after insert on calendar_day
  referencing new table as added for each statement execute function guard_days();

create function guard_proposal() returns trigger language plpgsql as $$
begin
  if (to_jsonb(new) - '{state,decided_by_id,decided_at,decision,preview_id,rebase_id}'::text[]) is distinct from
     (to_jsonb(old) - '{state,decided_by_id,decided_at,decision,preview_id,rebase_id}'::text[]) then
    raise exception 'what was proposed stays as it was proposed' using errcode = 'insufficient_privilege';
  end if;
  if old.state <> 'open' and
     (new.state, new.decided_by_id, new.decided_at, new.decision) is distinct from
     (old.state, old.decided_by_id, old.decided_at, old.decision) then
    raise exception 'a proposal is decided once' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger guard_proposal before update on proposal for each row execute function guard_proposal();
create trigger refuse_delete before delete on proposal for each row execute function refuse_change();
"""

UNGUARD = """
drop trigger refuse_delete on proposal;
drop trigger guard_proposal on proposal;
drop trigger guard_days on calendar_day;
drop trigger refuse_delete on calendar_edition;
drop trigger guard_edition on calendar_edition;
drop function guard_proposal, guard_days, guard_edition;
create trigger refuse_change before update or delete on calendar_edition for each row execute function refuse_change();
"""

FUND = """
create trigger refuse_change before update or delete on fund_account for each row execute function refuse_change();
create trigger refuse_change before update or delete on fund_posting for each row execute function refuse_change();
create trigger refuse_change before update or delete on fund_entry for each row execute function refuse_change();
create trigger refuse_truncate before truncate on fund_account for each statement execute function refuse_change();
create trigger refuse_truncate before truncate on fund_posting for each statement execute function refuse_change();
create trigger refuse_truncate before truncate on fund_entry for each statement execute function refuse_change();

create function guard_posting() returns trigger language plpgsql as $$
begin
  if exists (select 1 from added group by posting_id having sum(fen) <> 0) then
    raise exception 'a posting balances to zero' using errcode = 'insufficient_privilege';
  end if;
  if exists (select 1 from added
             join fund_posting posting on posting.id = added.posting_id
             join fund_account account on account.id = added.account_id
             where account.estate_id <> posting.estate_id) then
    raise exception 'a posting stays within its estate' using errcode = 'insufficient_privilege';
  end if;
  if (select count(*) from added) <>
     (select count(*) from fund_entry where posting_id in (select posting_id from added)) then
    raise exception 'a posting is written whole, in one statement' using errcode = 'insufficient_privilege';
  end if;
  return null;
end $$;
create trigger guard_posting after insert on fund_entry
  referencing new table as added for each statement execute function guard_posting();
"""
"""The fund's journal: a posting is written once, whole, within its estate, and balances to zero."""

UNFUND = """
drop trigger guard_posting on fund_entry;
drop function guard_posting;
drop trigger refuse_truncate on fund_entry;
drop trigger refuse_truncate on fund_posting;
drop trigger refuse_truncate on fund_account;
drop trigger refuse_change on fund_entry;
drop trigger refuse_change on fund_posting;
drop trigger refuse_change on fund_account;
"""

KEEP_SCORES = """
create trigger refuse_change before update or delete on evaluation_score for each row execute function refuse_change();
"""
"""What was entered into the ledger of scores stays: a correction is a further line."""

UNKEEP_SCORES = """
drop trigger refuse_change on evaluation_score;
"""

KEEP_VOTES = """
create trigger refuse_change before update or delete on electronic_ballot for each row execute function refuse_change();
create trigger refuse_truncate before truncate on electronic_ballot for each statement execute function refuse_change();
create trigger refuse_delete before delete on electronic_vote for each row execute function refuse_change();
create trigger refuse_delete before delete on vote_link for each row execute function refuse_change();

create function guard_vote() returns trigger language plpgsql as $$
begin
  if (to_jsonb(new) - '{last_seq,last_hash}'::text[]) is distinct from (to_jsonb(old) - '{last_seq,last_hash}'::text[])
     or new.last_seq <= old.last_seq then
    raise exception 'an electronic vote only takes further ballots' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger guard_vote before update on electronic_vote for each row execute function guard_vote();

create function guard_link() returns trigger language plpgsql as $$
begin
  if (to_jsonb(new) - '{wrong,revoked_at}'::text[]) is distinct from (to_jsonb(old) - '{wrong,revoked_at}'::text[])
     or new.wrong < old.wrong or old.revoked_at is not null then
    raise exception 'a link to a vote is revoked, never changed' using errcode = 'insufficient_privilege';
  end if;
  return new;
end $$;
create trigger guard_link before update on vote_link for each row execute function guard_link();
"""
"""Electronic ballots are cast and stay; a link counts wrong codes and is revoked once, and is never given to anybody else."""

UNKEEP_VOTES = """
drop trigger guard_link on vote_link;
drop trigger guard_vote on electronic_vote;
drop function guard_link, guard_vote;
drop trigger refuse_delete on vote_link;
drop trigger refuse_delete on electronic_vote;
drop trigger refuse_truncate on electronic_ballot;
drop trigger refuse_change on electronic_ballot;
"""
