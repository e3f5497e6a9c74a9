"""What a message says to one person, as a frozen value: the page, the plain text, the mail and the PDF are made from it."""

from datetime import date, datetime

from pydantic import BaseModel, ConfigDict

from .worktime import OFFICE_ZONE


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Line(Frozen):
    """A case or a notice. `tone` is `red`, `yellow` or empty; `href` a path of ours, without host."""

    text: str
    about: str = ""
    when: str = ""
    tone: str = ""
    href: str | None = None


class Group(Frozen):
    """Lines under a heading. `count` is the length of the list at `href`; `rest` how many of them are not shown here."""

    title: str
    count: int
    lines: tuple[Line, ...] = ()
    rest: int = 0
    measure: str = "件"
    href: str | None = None


class Figure(Frozen):
    """A number and the list that it counts. Of a rate, `value` is the percentage, `note` part and whole, `count` the whole."""

    title: str
    count: int
    value: str
    href: str
    note: str = ""
    tone: str = ""


class Table(Frozen):
    """Figures by street."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Figure, ...]], ...]
    rest: str = ""
    """What of it is not shown, in a sentence."""


class Bulletin(Frozen):
    """What a message says to one person, frozen: text, mail, page and PDF are made from it and from nothing else."""

    kind: str
    title: str
    name: str
    post: str
    at: datetime
    """The office's instant of which the figures are."""
    summary: str
    figures: tuple[Figure, ...] = ()
    table: Table | None = None
    groups: tuple[Group, ...] = ()

    @property
    def subject(self) -> str:
        return f"【办结】{self.title}：{self.summary}" if self.kind == "brief" else f"【办结】{self.summary}"

    @property
    def day(self) -> date:
        return self.at.astimezone(OFFICE_ZONE).date()

    def as_text(self, address: str) -> str:
        """Plain text; links begin with `address`."""
        parts = [f"{self.name}：\n\n{self.title}。{self.summary}。"]
        if self.figures:
            parts.append("\n".join(f"  {one.title}　{one.value}{_in_brackets(one.note)}" for one in self.figures))
        if self.table:
            rows = [
                f"  {name}　" + "，".join(f"{cell.title}{cell.value}" for cell in cells)
                for name, cells in self.table.rows
            ]
            parts.append(
                "\n".join([f"{self.table.title}", *rows, *([f"  {self.table.rest}"] if self.table.rest else [])])
            )
        parts += [_group_as_text(group, address) for group in self.groups]
        parts.append(f"全部消息：{address}/messages\n本邮件由系统自动发出，请勿回复。更改地址或停收邮件：{address}/me")
        return "\n\n".join(parts) + "\n"


def _group_as_text(group: Group, address: str) -> str:
    lines = [f"■ {group.title}　{group.count}{group.measure}"]
    for number, line in enumerate(group.lines, start=1):
        lines.append(f"{number:>2}. {line.text}{_in_brackets(line.when)}")
        lines += [f"    {line.about}"] if line.about else []
        lines += [f"    {address}{line.href}"] if line.href else []
    if group.rest:
        lines.append(f"    另有{group.rest}{group.measure}：{address}{group.href or '/messages'}")
    return "\n".join(lines)


def _in_brackets(words: str) -> str:
    return f"（{words}）" if words else ""
