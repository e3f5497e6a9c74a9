"""The term watch: once a day, committees whose term nears its end have their re-election opened, or are reminded of it.

One run looks at every estate, a hundred committees in one transaction. Safe to run at any time, and twice at once.
"""

from prefect import flow

from models.db import transaction
from models.logs import write_log_as_json
from models.office import office_now
from models.terms import watch_terms


@flow(name="term_watch", persist_result=False)
def term_watch() -> str:
    """Open what is due and remind of what waits. Returns in a sentence what was done."""
    write_log_as_json()
    opened = reminded = after = 0
    while True:
        with transaction() as session:
            done = watch_terms(session, office_now(session), after)
        if done is None:
            return f"{opened} re-elections opened, {reminded} reminders"
        opened, reminded, after = opened + done.opened, reminded + done.reminded, done.last
