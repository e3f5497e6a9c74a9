"""业主名册 as an estate keeps it: the roster in use, what was found when it was read, and what a person settled since."""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import delete, select
from sqlmodel import Field, Session, SQLModel, col

from .db import insert_rows, instant, jsonb, primary_key, reference, write
from .documents import keep
from .errors import Conflict, Invalid
from .reading import Finding
from .roster import RosterLine, RosterReading, belongs_to, read_roster
from .settings import settings
from .territory import Estate, Unit

if TYPE_CHECKING:
    from .people import Person

KINDS: tuple[Literal["merged", "refused", "undecided", "noted"], ...] = ("merged", "refused", "undecided", "noted")
PROVISIONAL = {"two_developers", "same_id", "same_owner", "same_owners", "total_differs"}
"""Doubts about a roster whose units are counted for the time being. What is not counted needs a better file instead:
a reason given must not make the decision scope smaller."""


class Roster(SQLModel, table=True):
    """业主名册: one upload of an estate's roster; its units are in `unit` until the next upload."""

    id: int | None = primary_key()
    estate_id: int = reference("estate.id", index=True)
    by_id: int | None = reference("person.id", nullable=True)
    at: datetime = instant()
    filename: str
    sha256: str = Field(foreign_key="blob.sha256")
    units: int
    heads: int
    total_area_dm2: int
    unsold_units: int
    duplicate_lines: int
    findings: Any = jsonb()
    """`merged`, `refused`, `undecided`, `noted`, each a list of findings; `settled`: findings with `reason`, `by`, `at`."""

    @classmethod
    def read(
        cls,
        session: Session,
        estate: Estate,
        data: bytes,
        *,
        filename: str,
        by: "Person | None",
        at: datetime,
        renumbered: bool = False,
    ) -> "Roster":
        """Read an .xlsx and let it be the estate's roster from now on.

        Raises `Invalid` or `TooLarge` with `field="roster"`; then the old roster stays. `renumbered`: that most units are
        not those of the old roster is intended.
        """
        reading = read_roster(data, filename=filename, limit=settings().upload_limit)
        session.execute(select(col(Estate.id)).where(col(Estate.id) == estate.id).with_for_update(key_share=True))
        known = session.scalars(select(col(Unit.label)).where(col(Unit.estate_id) == estate.id))
        belongs_to(reading, estate.name, () if renumbered else known)
        session.execute(delete(Unit).where(col(Unit.estate_id) == estate.id))
        insert_rows(
            session,
            Unit,
            [
                {
                    "estate_id": estate.id, "label": line.unit, "area_dm2": line.area_dm2, "owner": line.owner,
                    "owner_key": line.owner_key, "unsold": line.unsold, "id_number": line.id_number, "phone": line.phone,
                }
                for line in reading.lines
            ],
        )  # fmt: skip
        roster = cls(
            estate_id=estate.id,  # type: ignore[arg-type]
            by_id=by.id if by else None,
            at=at,
            filename=filename[:200],
            sha256=keep(session, data),
            units=len(reading.lines),
            heads=reading.heads,
            total_area_dm2=reading.total_area_dm2,
            unsold_units=reading.unsold_units,
            duplicate_lines=reading.duplicate_lines,
            findings={kind: [asdict(finding) for finding in getattr(reading, kind)] for kind in KINDS},
        )
        session.add(roster)
        session.flush()
        return roster

    @classmethod
    def of(cls, session: Session, estate_id: int | None) -> "Roster | None":
        """The roster in use; none where there is no estate."""
        return session.scalar(select(cls).where(col(cls.estate_id) == estate_id).order_by(col(cls.id).desc()).limit(1))

    @property
    def undecided(self) -> list[dict[str, Any]]:
        return self.findings["undecided"]

    @property
    def settled(self) -> list[dict[str, Any]]:
        """What a person has looked into: findings, each with `reason`, `by` (a person's id) and `at`."""
        return self.findings.get("settled", [])

    def settle(
        self, session: Session, kind: str, rows: Iterable[int], reason: str, *, by: "Person | None", at: datetime
    ) -> None:
        """认定: what was counted for the time being stands as it was read.

        Raises `Conflict` for what is not counted at all, which only a better file can mend, and for a roster out of use.
        """
        if not reason.strip():
            raise Invalid("认定须写明理由。", field="reason")
        session.execute(select(col(Estate.id)).where(col(Estate.id) == self.estate_id).with_for_update(key_share=True))
        in_use = Roster.of(session, self.estate_id)
        if in_use is None or in_use.id != self.id:
            raise Conflict("名册刚刚重新导入过，请刷新后再认定。")
        session.refresh(self)
        wanted = sorted(rows)
        found = next((f for f in self.undecided if f["kind"] == kind and sorted(f["rows"]) == wanted), None)
        if found is None:
            raise Invalid("名册里没有这一处待认定的内容，可能已经认定过，请刷新后核对。", field="rows")
        if kind not in PROVISIONAL:
            raise Conflict(
                f"{found['sentence']}这一处没有计入名册，不能只作说明，须更正文件后重新导入。", field="roster"
            )
        settled = found | {"reason": reason.strip()[:400], "by": by.id if by else None, "at": at.isoformat()}
        rest = [finding for finding in self.undecided if finding is not found]
        write(session, self, findings=self.findings | {"undecided": rest, "settled": [*self.settled, settled]})

    def labels(self, session: Session) -> list[str]:
        """All units the roster knows of, those too that are left out while something is undecided about them."""
        units = select(col(Unit.label)).where(col(Unit.estate_id) == self.estate_id).order_by(col(Unit.id))
        pending = (finding["unit"] for finding in self.undecided if finding["unit"])
        return list(dict.fromkeys((*session.scalars(units), *pending)))

    def reading(self, session: Session, estate_name: str | None = None) -> RosterReading:
        """As if it had just been read, less what counting has no use for (identity numbers, phones)."""
        units = session.scalars(select(Unit).where(col(Unit.estate_id) == self.estate_id).order_by(col(Unit.id)))
        lines = tuple(RosterLine(u.label, "", u.owner, u.owner_key, None, u.area_dm2, None, u.unsold, 0) for u in units)
        found = {kind: _findings(self.findings[kind]) for kind in KINDS}
        found["noted"] += tuple(
            Finding(
                "settled", f"{f['sentence']}已认定：{f['reason']}", tuple(f["rows"]), f["unit"],
                units=tuple(f.get("units", ())),
            )
            for f in self.settled
        )  # fmt: skip
        return RosterReading(lines, **found, estate_name=estate_name)


def _findings(rows: Iterable[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**{**row, "rows": tuple(row["rows"]), "units": tuple(row.get("units", ()))}) for row in rows)
