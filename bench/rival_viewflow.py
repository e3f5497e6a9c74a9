"""The same work in Django: models over the same tables, a flow of django-viewflow's `fsm` that says what may happen."""

from typing import Any

import django
from django.conf import settings
from psycopg.conninfo import conninfo_to_dict

from .work import MOVES, Books, Work, details_after, line

# both ask for settings as soon as they are imported
settings.configure(
    USE_TZ=True,
    TIME_ZONE="UTC",
    DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "CONN_MAX_AGE": None}},
)
from django.db import connections, models, transaction
from viewflow import fsm

django.setup()


class Case(models.Model):
    number = models.TextField(unique=True)
    stage = models.TextField()
    desk = models.TextField(null=True)
    details = models.JSONField()
    stage_since = models.DateTimeField()
    assignee_id = models.BigIntegerField(null=True)
    next_due_at = models.DateTimeField(null=True)
    warn_at = models.DateTimeField(null=True)
    last_seq = models.IntegerField()
    last_hash = models.TextField()
    last_at = models.DateTimeField()

    class Meta:
        app_label, db_table, managed = "bench", "case", False


class Clock(models.Model):
    case = models.ForeignKey(Case, models.DO_NOTHING)
    kind = models.TextField()
    limits = models.TextField()
    rule_pk = models.BigIntegerField()
    rule_id = models.TextField()
    rule_version = models.IntegerField()
    limit = models.TextField()
    edition = models.TextField()
    started_at = models.DateTimeField()
    due_day = models.DateField()
    due_at = models.DateTimeField()
    warn_at = models.DateTimeField(null=True)
    provisional = models.BooleanField()
    stopped_at = models.DateTimeField(null=True)
    outcome = models.TextField(null=True)
    generation = models.IntegerField()
    ladder = models.TextField(null=True)
    next_step = models.TextField(null=True)
    next_at = models.DateTimeField(null=True)

    class Meta:
        app_label, db_table, managed = "bench", "clock", False


class CaseEvent(models.Model):
    case = models.ForeignKey(Case, models.DO_NOTHING)
    seq = models.IntegerField()
    name = models.TextField()
    from_stage = models.TextField(null=True)
    to_stage = models.TextField()
    by_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    facts = models.JSONField(null=True)
    salt = models.TextField(null=True)
    facts_hash = models.TextField()
    prev_hash = models.TextField()
    hash = models.TextField()

    class Meta:
        app_label, db_table, managed = "bench", "case_event", False


class ClockLine(models.Model):
    clock = models.ForeignKey(Clock, models.DO_NOTHING)
    event = models.ForeignKey(CaseEvent, models.DO_NOTHING)
    what = models.TextField()
    at = models.DateTimeField()
    old_due = models.DateTimeField(null=True)
    new_due = models.DateTimeField(null=True)
    generation = models.IntegerField()

    class Meta:
        app_label, db_table, managed = "bench", "clock_line", False


class Stage(models.TextChoices):
    REVIEW = "review"
    FIRST_PAYMENT = "first_payment"


def _is_theirs(flow: "FundRequest", user: Any) -> bool:
    return user is not None


class FundRequest:
    """The flow, as viewflow's documentation writes one: transitions, a permission each, and what follows a success."""

    stage = fsm.State(Stage, default=Stage.REVIEW)

    def __init__(self, case: Case, books: Books) -> None:
        self.case = case
        self.books = books

    @stage.setter()
    def _set_stage(self, value: Stage) -> None:
        self.case.stage = value

    @stage.getter()
    def _get_stage(self) -> Stage:
        return Stage(self.case.stage)

    @stage.transition(source=Stage.REVIEW, target=Stage.FIRST_PAYMENT, permission=_is_theirs)
    def approve(self, work: Work) -> None:
        self.case.details = details_after(work.event, self.case.details, work.facts)

    @stage.transition(source=Stage.FIRST_PAYMENT, target=Stage.REVIEW, permission=_is_theirs)
    def bounced(self, work: Work) -> None:
        self.case.details = details_after(work.event, self.case.details, work.facts)

    @stage.on_success()
    def _moved(self, descriptor: Any, source: Stage, target: Stage, work: Work) -> None:
        case, at = self.case, work.at
        stopped = Clock.objects.filter(case=case, stopped_at=None).order_by("id")[0]
        stopped.stopped_at, stopped.outcome = at, "late" if stopped.due_at <= at else "on_time"
        stopped.next_step = stopped.next_at = None
        stopped.save(update_fields=["stopped_at", "outcome", "next_step", "next_at"])
        started = Clock.objects.create(**self.books.started(case.pk, target.value, at))
        event = CaseEvent.objects.create(**line(work, case.pk, case.last_seq, case.last_hash))
        ClockLine.objects.bulk_create(
            [
                ClockLine(clock=stopped, event=event, what="stopped", at=at, old_due=stopped.due_at,
                          new_due=stopped.due_at, generation=stopped.generation),
                ClockLine(clock=started, event=event, what="started", at=at, new_due=started.due_at, generation=1),
            ]
        )  # fmt: skip
        case.desk, case.assignee_id, case.stage_since, case.last_at = MOVES[work.event].desk, None, at, at
        case.next_due_at, case.warn_at = started.due_at, started.warn_at
        case.last_seq, case.last_hash = event.seq, event.hash
        case.save(
            update_fields=[
                "stage", "desk", "details", "stage_since", "assignee_id", "next_due_at", "warn_at", "last_seq", "last_hash",
                "last_at",
            ]
        )  # fmt: skip


class Viewflow:
    def __init__(self, url: str, books: Books) -> None:
        self.books = books
        place = conninfo_to_dict(url)
        names = {"host": "HOST", "port": "PORT", "user": "USER", "password": "PASSWORD", "dbname": "NAME"}
        connections.settings["default"].update({theirs: str(place[ours]) for ours, theirs in names.items()})

    def do(self, work: Work) -> None:
        with transaction.atomic():
            flow = FundRequest(Case.objects.select_for_update().get(number=work.number), self.books)
            transition = getattr(flow, work.event)
            assert transition.has_perm(work.by)
            transition(work=work)
