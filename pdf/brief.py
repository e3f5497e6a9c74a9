"""The morning's brief on paper: one page or two, drawn from the same frozen value as the message it belongs to.

A sheet for the office's own use and no official letter: narrower margins and smaller type than GB/T 9704 asks of those, the
same faces and the same promise that no character is dropped. What no face has is printed as 〓, and said below.
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from models.bulletin import Bulletin, Figure, Group, Table
from models.bulletin import Line as Entry
from models.errors import Invalid
from models.wording import WEEKDAYS, instant
from models.worktime import OFFICE_ZONE

from .fonts import Role
from .letter import PEN, Drawn
from .paper import MM, PAGE_HEIGHT, PAGE_WIDTH, PITCH, Line, Placed, Sheets, broken, tokens

SIDE, TOP, FOOT = 20 * MM, 18 * MM, 22 * MM
RIGHT = PAGE_WIDTH - SIDE
WIDTH = RIGHT - SIDE
ROOM = PAGE_HEIGHT - TOP - FOOT
"""Height of a page's content."""
PAGES = 2
INK, QUIET, FAINT, HAIR = (0.12, 0.14, 0.15), (0.38, 0.41, 0.43), (0.6, 0.61, 0.6), (0.83, 0.82, 0.79)
RED, YELLOW = (0.78, 0.18, 0.13), (0.55, 0.41, 0.0)
TONES = {"red": RED, "yellow": YELLOW}
GETA = "〓"
ABOUT = 8.5
"""Size of what stands at the right of a row."""
BESIDE = 6
"""Figures in one row."""


@dataclass(frozen=True)
class Block:
    """Something of that height that is not cut; `keeps`: what follows stays on the same page."""

    height: float
    draw: Callable[["Sheet", float], None]
    """Called with the sheet and the upper edge."""
    keeps: bool = False


def draw(says: Bulletin) -> Drawn:
    """The brief on A4; equal briefs give equal bytes. Shows fewer lines of each list rather than take a third page."""
    with PEN:
        for most in (30, 10, 8, 6, 4, 3, 2, 1):
            pages = _paginated(_blocks(says, most))
            if len(pages) <= PAGES:
                break
        sheet = Sheet(says.title, says.day, author="办结", subject=says.summary)
        sheet.count = len(pages)
        for number, page in enumerate(pages):
            if number:
                sheet.turn()
            top = PAGE_HEIGHT - TOP
            for block in page:
                block.draw(sheet, top)
                top -= block.height
        pdf = sheet.bytes()
    return Drawn(pdf, hashlib.sha256(pdf).hexdigest(), tuple(sheet.fonts), len(pages))


def _paginated(blocks: Sequence[Block]) -> list[list[Block]]:
    pages: list[list[Block]] = [[]]
    left = ROOM
    for index, block in enumerate(blocks):
        needed, ahead = block.height, index
        while blocks[ahead].keeps and ahead + 1 < len(blocks):
            ahead += 1
            needed += blocks[ahead].height
        if needed > left and pages[-1] and not (index and blocks[index - 1].keeps):
            pages.append([])
            left = ROOM
        pages[-1].append(block)
        left -= block.height
    return pages


class Sheet(Sheets):
    """A page on which text is put wherever it belongs, in ink, grey or the cards' colours."""

    count = 1
    """How many pages there are."""
    missing = False
    """Whether a character stands as 〓."""

    def text(
        self,
        words: str,
        x: float,
        middle: float,
        size: float,
        *,
        role: Role = Role.BODY,
        colour: tuple[float, float, float] = INK,
        room: float = math.inf,
        to_right: bool = False,
    ) -> float:
        """Put `words` with their middle at that height, cut with … to `room` points. Returns the width."""
        line = self.cut(words, role, room / size)
        width = line.halves / 2 * size * PITCH
        self._canvas.setFillColorRGB(*colour)
        self.put(Placed(line, x - width if to_right else x, size), middle)
        return width

    def cut(self, words: str, role: Role, room: float) -> Line:
        """`room` in points per point of type."""
        found = tokens(self.sayable(words, role), role, self.paper)
        halves = room * 2 / PITCH
        if sum(token.halves for token in found) > halves:
            dots = tokens("…", role, self.paper)
            while found and sum(token.halves for token in [*found, *dots]) > halves:
                found.pop()
            found += dots
        return Line(tuple(found), room=sum(token.halves for token in found))

    def sayable(self, words: str, role: Role) -> str:
        try:
            tokens(words, role, self.paper)
            return words
        except Invalid:
            said = "".join(char if self._has(char, role) else GETA for char in words)
            self.missing = True
            return said

    def _has(self, char: str, role: Role) -> bool:
        try:
            tokens(char, role, self.paper)
        except Invalid:
            return False
        return True

    def rule(self, y: float, *, colour: tuple[float, float, float] = HAIR, weight: float = 0.5) -> None:
        self._canvas.setFillColorRGB(*colour)
        self._canvas.rect(SIDE, y - weight / 2, WIDTH, weight, stroke=0, fill=1)

    def bar(self, top: float, height: float, colour: tuple[float, float, float]) -> None:
        """A mark in the margin."""
        self._canvas.setFillColorRGB(*colour)
        self._canvas.rect(SIDE - 5, top - height + 2.5, 2, height - 5, stroke=0, fill=1)

    def _finish(self) -> None:
        note = f"{GETA}为字库所缺的字，原文见系统。" if self.missing else ""
        middle = FOOT - 8 * MM
        self.text(f"数字为截至上述时刻的数，由办结自动汇总，供本人工作使用。{note}", SIDE, middle, 8.5, colour=QUIET)
        self.text(f"第{self.number}页，共{self.count}页", RIGHT, middle, 8.5, colour=QUIET, to_right=True)
        self._canvas.showPage()


# --- blocks ----------------------------------------------------------------------------------------------------------


def _blocks(says: Bulletin, most: int) -> list[Block]:
    blocks = [_head(says), _summary(says)]
    rows = [says.figures[start : start + BESIDE] for start in range(0, len(says.figures), BESIDE)]
    blocks += [_figures(row) for row in rows]
    if says.table:
        blocks += _table(says.table, most)
    for group in says.groups:
        blocks += _group(group, most)
    return blocks


def _head(says: Bulletin) -> Block:
    def put(sheet: Sheet, top: float) -> None:
        sheet.text(says.title, SIDE, top - 14, 24, role=Role.TITLE)
        sheet.text(f"{says.name}　{says.post}", RIGHT, top - 8, 11, to_right=True, room=WIDTH * 0.6)
        sheet.text(f"截至{instant(says.at)} 周{_weekday(says.day)}", RIGHT, top - 24, 9.5, colour=QUIET, to_right=True)
        sheet.rule(top - 38, colour=INK, weight=1.2)

    return Block(46, put)


def _weekday(day: date) -> str:
    return WEEKDAYS[day.weekday()]


def _summary(says: Bulletin) -> Block:
    size = 14.0
    columns = int(WIDTH / size / PITCH)
    lines = broken(tokens(says.summary + "。", Role.TITLE, says.title), columns=columns)

    def put(sheet: Sheet, top: float) -> None:
        sheet._canvas.setFillColorRGB(*INK)
        for index, line in enumerate(lines):
            sheet.put(Placed(line, SIDE, size), top - 12 - 20 * index)

    return Block(20.0 * len(lines) + 12, put)


def _figures(row: Sequence[Figure]) -> Block:
    width = WIDTH / BESIDE

    def put(sheet: Sheet, top: float) -> None:
        for index, figure in enumerate(row):
            x = SIDE + index * width
            sheet.text(figure.title, x, top - 8, 9, colour=QUIET, room=width - 4)
            colour = TONES.get(figure.tone, INK if figure.count else QUIET)
            taken = sheet.text(figure.value, x, top - 26, 18, role=Role.TITLE, colour=colour)
            sheet.text(figure.note, x + taken + 3, top - 29, 8.5, colour=QUIET, room=max(width - taken - 5, 1))
        sheet.rule(top - 42)

    return Block(46, put)


def _table(table: Table, most: int) -> list[Block]:
    first = WIDTH * 0.32
    width = (WIDTH - first) / len(table.columns)

    def head(sheet: Sheet, top: float) -> None:
        sheet.text(table.title, SIDE, top - 16, 12, role=Role.TITLE)
        for index, title in enumerate(table.columns):
            sheet.text(title, SIDE + first + width * (index + 1), top - 17, 9, colour=QUIET, to_right=True, room=width)
        sheet.rule(top - 27)

    def row(name: str, cells: Sequence[Figure]) -> Block:
        def put(sheet: Sheet, top: float) -> None:
            sheet.text(name, SIDE, top - 8.5, 10.5, room=first - 6)
            for index, cell in enumerate(cells):
                colour = TONES.get(cell.tone, INK if cell.count else FAINT)
                sheet.text(
                    cell.value, SIDE + first + width * (index + 1), top - 8.5, 10.5, colour=colour, to_right=True
                )
            sheet.rule(top - 17, weight=0.3)

        return Block(17, put)

    return [Block(29, head, keeps=True), *(row(*of) for of in table.rows[:most]), *_rest(table.rest)]


def _group(group: Group, most: int) -> list[Block]:
    def head(sheet: Sheet, top: float) -> None:
        taken = sheet.text(group.title, SIDE, top - 18, 12, role=Role.TITLE)
        sheet.text(f"{group.count:,}{group.measure}", SIDE + taken + 6, top - 18.5, 10, colour=QUIET)
        sheet.rule(top - 28)

    shown = group.lines[:most]
    rest = group.rest + len(group.lines) - len(shown)
    said = f"另有{rest:,}{group.measure}，见系统。" if rest else ""
    widest = max((_width(entry.about) for entry in shown), default=0.0)
    about = min(widest, WIDTH * 0.45)
    return [Block(30, head, keeps=True), *(_entry(entry, about) for entry in shown), *_rest(said)]


def _width(words: str) -> float:
    """Of what stands at the right of a row, in points, a little generously."""
    return sum(0.52 if char.isascii() else 1.0 for char in words) * ABOUT


def _entry(entry: Entry, about: float) -> Block:
    """One row: when, what, and where it lies, the last in `about` points at the right."""
    when = 138.0

    def put(sheet: Sheet, top: float) -> None:
        colour = TONES.get(entry.tone, INK)
        if entry.tone:
            sheet.bar(top, 17, colour)
        sheet.text(entry.when, SIDE, top - 8.5, 9.5, colour=colour, room=when - 6)
        sheet.text(entry.text, SIDE + when, top - 8.5, 10.5, room=WIDTH - when - about - 8)
        sheet.text(entry.about, RIGHT - about, top - 8.5, ABOUT, colour=QUIET, room=about)
        sheet.rule(top - 17, weight=0.3)

    return Block(17, put)


def _rest(said: str) -> list[Block]:
    if not said:
        return []

    def put(sheet: Sheet, top: float) -> None:
        sheet.text(said, SIDE, top - 9, 9, colour=QUIET)

    return [Block(16, put)]


SPECIMEN = Bulletin(
    kind="brief",
    title="晨报",
    name="吴芳",
    post="福田区莲花街道办事处负责人",
    at=datetime(2026, 9, 10, 8, 30, tzinfo=OFFICE_ZONE),
    summary="今天到期2件，红牌1件",
    figures=(
        Figure(title="在办", count=30, value="30", href="/cases?state=open"),
        Figure(title="今日到期", count=2, value="2", href="/cases?due=today"),
        Figure(title="红牌", count=1, value="1", href="/cases?card=red", tone="red"),
        Figure(title="按期率", count=34, value="94.1%", href="/cases?rated=true", note="32/34"),
    ),
    groups=(
        Group(
            title="逾期未办",
            count=1,
            lines=(
                Entry(
                    text="WX2026-000014 景田雅居维修资金使用", about="受理，周敏", when="逾期2个工作日", tone="red",
                    href="/cases/WX2026-000014",
                ),
            ),
        ),
        Group(
            title="今天到期",
            count=2,
            lines=(
                Entry(text="WX2026-000021 彩田名苑维修资金使用", about="受理，黄志强", when="今天到期", tone="yellow"),
                Entry(text="WX2026-000028 彩田名苑维修资金使用", about="受理，待领取", when="今天到期", tone="yellow"),
            ),
        ),
    ),
)  # fmt: skip
"""A morning's brief to look at."""
