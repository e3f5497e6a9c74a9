"""A page of official paper (GB/T 9704-2012): the 28 × 22 grid, Chinese line breaking, the red letter head.

Text is drawn on the canvas as it is; there is no markup, so nothing an applicant writes can be taken for any.
Every full-width character, punctuation included, fills one cell; a run of Latin letters or figures fills
whole half cells. Lengths are in points, `y` from the bottom edge.
"""

import hashlib
import io
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from reportlab.pdfgen.canvas import Canvas

from .fonts import Face, Role, face_for

MM = 72 / 25.4
PAGE_WIDTH, PAGE_HEIGHT = 210 * MM, 297 * MM
LEFT, TOP, WIDTH, HEIGHT = 28 * MM, 37 * MM, 156 * MM, 225 * MM
"""版心: the text block; TOP is from the upper edge."""
COLUMNS, ROWS = 28, 22
CELL, ROW = WIDTH / COLUMNS, HEIGHT / ROWS

SECOND, THIRD, FOURTH = 22.0, 16.0, 14.0
"""二号, 三号, 四号."""
PITCH = CELL / THIRD
"""Width of a cell per point of type: 三号 is a trifle wider than its cell, other sizes keep the ratio."""

RED = (0.86, 0.03, 0.06)
MARK_TOP, MARK_GAP, FOOT_RULE, RULE_LENGTH = 30 * MM, 4 * MM, 20 * MM, 170 * MM
THICK, THIN, BETWEEN = 1.6, 0.55, 1.5
SEVEN_EIGHTHS = THIRD * 7 / 8

NOT_FIRST = set("，。、；：？！）》〉」』】〕〗｝］”’…—～·％‰℃°%),.:;?!]}")
NOT_LAST = set("（《〈「『【〔〖｛［“‘￥¥$№([{")
HOLLOW = set("，。、；：！？）》〉」』】〕”’") | set("（《〈「『【〔“‘")
"""Half of whose cell is empty, and may be given up to get a line flush (标点挤压)."""
UNITS = set("年月日时元角分个号条款项栋座层名户")
"""What stays on the line of the figure it counts."""
LONGEST_RUN = 40
"""Half cells; a longer run of Latin characters is cut, as it fits on no line."""
NARROWEST = 0.92
"""Latin letters are set narrower, down to this, rather than take another half cell; a figure takes one."""
LOOSE, LOOSEST = 2, 6
"""Half cells that may be spread over a line to make it flush. Beyond LOOSE, punctuation rather gives way to
take one more character in; beyond LOOSEST, a number breaks at its hyphen or a date after its month, or else
the line stays ragged."""


@dataclass(frozen=True)
class Token:
    """What is never cut: one full-width character, or a run of narrow ones; its width in half cells."""

    text: str
    halves: int
    face: Face

    @property
    def is_space(self) -> bool:
        return self.text == " "

    @property
    def is_hollow(self) -> bool:
        return self.text in HOLLOW

    @property
    def is_full(self) -> bool:
        return self.halves == 2 and len(self.text) == 1


@dataclass(frozen=True)
class Line:
    tokens: tuple[Token, ...]
    indent: int = 0
    """Half cells."""
    room: int = 2 * COLUMNS
    """Half cells from the indent to the right edge."""
    is_last: bool = True
    """Of its paragraph; such a line is not made flush."""

    @property
    def halves(self) -> int:
        return sum(token.halves for token in self.tokens)

    @property
    def text(self) -> str:
        return "".join(token.text for token in self.tokens)

    @property
    def spread(self) -> float:
        """Half cells to add after each token but the last."""
        loose, gaps = self.room - self.halves, len(self.tokens) - 1
        return loose / gaps if not self.is_last and 0 < loose <= LOOSEST and 4 * loose <= gaps else 0.0

    @property
    def squeeze(self) -> float:
        """Half cells to take from each hollow character, where the line is fuller than its room."""
        excess, hollow = self.halves - self.room, sum(token.is_hollow for token in self.tokens)
        return excess / hollow if excess > 0 and hollow else 0.0


def tokens(text: str, role: Role, paper: str) -> list[Token]:
    """`text` cut into what may not be cut; raises `Invalid` for a character no face has, naming `paper`."""
    found: list[Token] = []
    run: list[str] = []
    face: Face | None = None

    def close() -> None:
        if run and face:
            found.extend(_runs("".join(run), face))
            run.clear()

    for char in " ".join(text.split()):
        own = face_for(char, role, paper)
        is_full = not char.isascii() and own.width(char) >= 850
        if is_full or char == " " or own is not face:
            close()
        if is_full:
            found.append(Token(char, 2, own))
        elif char == " ":
            found.append(Token(char, 1, own))
        else:
            run.append(char)
        face = own
    close()
    return found


def _runs(text: str, face: Face) -> Iterator[Token]:
    half = 500 * PITCH
    for part in re.findall(r"[^-/]+[-/]*|[-/]+", text):
        natural = sum(half if char.isdigit() else face.width(char) * NARROWEST for char in part)
        halves = math.ceil(natural / half - 1e-6)
        if halves > LONGEST_RUN:
            middle = len(part) // 2
            yield from _runs(part[:middle], face)
            yield from _runs(part[middle:], face)
        else:
            yield Token(part, halves, face)


def may_break(left: Token, right: Token) -> bool:
    """避头尾: no line starts with a closing mark or ends with an opening one; a figure keeps its unit."""
    if right.is_space or right.text[0] in NOT_FIRST or left.text[-1] in NOT_LAST:
        return False
    return not (left.text[-1].isdigit() and right.text in UNITS)


def keeps_together(left: Token, right: Token) -> bool:
    """Better not broken: a number with hyphens, a date."""
    return right.text[0].isascii() and (left.text[-1] in "-/" or (left.text in "年月" and right.text[0].isdigit()))


def _cut(given: Sequence[Token], start: int, end: int, room: int) -> int:
    """Where the line from `start` is best cut, `end` being the first token that no longer fits."""

    def loose(cut: int) -> int:
        return room - sum(token.halves for token in given[start:cut])

    def fits(cut: int) -> bool:
        # the hollow half of a mark gives up three quarters at most, or it touches its neighbour
        return -4 * loose(cut) <= 3 * sum(token.is_hollow for token in given[start:cut])

    if fits(len(given)):
        return len(given)
    legal = [cut for cut in range(end, start, -1) if may_break(given[cut - 1], given[cut])]
    good = [cut for cut in legal if not keeps_together(given[cut - 1], given[cut])]
    if good and loose(good[0]) <= LOOSE:
        return good[0]
    for cut in range(end + 1, min(end + 4, len(given))):
        left, right = given[cut - 1], given[cut]
        if fits(cut) and may_break(left, right) and not keeps_together(left, right):
            return cut
    if good and loose(good[0]) <= LOOSEST:
        return good[0]
    return legal[0] if legal else max(end, start + 1)


def broken(given: Sequence[Token], *, columns: int = COLUMNS, first: int = 0, rest: int = 0) -> list[Line]:
    """A paragraph in lines of `columns` cells, the first indented by `first` cells, the others by `rest`."""
    lines: list[Line] = []
    start = 0
    while start < len(given):
        indent = 2 * (rest if lines else first)
        room = 2 * columns - indent
        end, used = start, 0
        while end < len(given) and used + given[end].halves <= room:
            used += given[end].halves
            end += 1
        at_space = end + 1 < len(given) and given[end].is_space and may_break(given[end], given[end + 1])
        if end < len(given) and not at_space:
            end = _cut(given, start, end, room)
        line = given[start:end]
        while line and line[-1].is_space:
            line = line[:-1]
        lines.append(Line(tuple(line), indent, room, is_last=end == len(given)))
        start = end
        while start < len(given) and given[start].is_space:
            start += 1
    return lines


def balanced(given: Sequence[Token], columns: int) -> list[Line]:
    """A title in as few lines as it needs, the longest first (上长下短), each to be centred."""
    total = sum(token.halves for token in given)
    count = math.ceil(total / (2 * columns))
    if count < 2:
        return broken(given, columns=columns)
    fair = math.ceil(total / 2 / count) + 1
    for width in range(min(fair, columns), columns + 1):
        lines = broken(given, columns=width)
        if len(lines) <= count and lines[0].halves > lines[-1].halves:
            return lines
    return broken(given, columns=columns)


@dataclass(frozen=True)
class Placed:
    """A line where it will stand on its row."""

    line: Line
    x: float = LEFT
    size: float = THIRD


Row = Placed | None
"""None: a row left blank."""


def flushed(lines: Iterable[Line], *, x: float = LEFT, size: float = THIRD) -> list[Row]:
    return [Placed(line, x, size) for line in lines]


def centred(lines: Iterable[Line], middle: float, size: float = THIRD) -> list[Row]:
    """Around `middle`, but never beyond the text block."""
    placed: list[Row] = []
    for line in lines:
        width = line.halves / 2 * size * PITCH
        placed.append(Placed(line, max(LEFT, min(middle - width / 2, LEFT + WIDTH - width)), size))
    return placed


@dataclass
class Sheets:
    """The pages of one paper, being drawn. `paper` names it where a character is missing."""

    paper: str
    day: date
    author: str = ""
    subject: str = ""
    fonts: dict[str, None] = field(default_factory=dict)
    """Names of the faces used, in order of first use."""
    number: int = 1

    def __post_init__(self) -> None:
        self._bytes = io.BytesIO()
        self._canvas = Canvas(
            self._bytes,
            pagesize=(PAGE_WIDTH, PAGE_HEIGHT),
            pageCompression=1,
            invariant=1,
            lang="zh-CN",
            # without it every page would name Helvetica, which is not embedded
            initialFontName=face_for("件", Role.BODY, self.paper).fontName,
        )
        # the file's ID would otherwise begin with SOURCE_DATE_EPOCH, where an environment sets it
        self._canvas._doc.signature = hashlib.md5(usedforsecurity=False)
        self._canvas.setTitle(self.paper)
        self._canvas.setAuthor(self.author)
        self._canvas.setSubject(self.subject)
        self._canvas.setCreator("Banjie")
        self._canvas.setViewerPreference("DisplayDocTitle", "true")
        self._canvas.setDateFormatter(lambda *_: f"D:{self.day:%Y%m%d}000000+08'00'")

    def letter_head(self, issuer: str, number: str) -> int:
        """信函格式 10.1: the red mark, both double rules, the number; returns the row of the title."""
        self._canvas.setKeywords(number)
        given = tokens(issuer, Role.TITLE, self.paper)
        halves = sum(token.halves for token in given)
        pitch = min(2 * WIDTH / halves, 38.0)
        size = min(pitch, 36.0) if pitch >= 28 else min(pitch / 0.72, 28.0)
        baseline = PAGE_HEIGHT - MARK_TOP - 0.85 * size
        self._canvas.setFillColorRGB(*RED)
        self._glyphs(
            Line(tuple(given), room=halves),
            (PAGE_WIDTH - halves / 2 * pitch) / 2,
            baseline,
            size,
            pitch,
            squeeze=min(1.0, pitch / size),
        )
        upper = baseline - 0.09 * size - MARK_GAP
        self._double_rule(upper, thick_first=True)
        self._double_rule(FOOT_RULE + THIN + BETWEEN + THICK, thick_first=False)
        self._canvas.setFillColorRGB(0, 0, 0)

        lower = upper - THICK - BETWEEN - THIN - SEVEN_EIGHTHS
        line = Line(tuple(tokens(number, Role.BODY, self.paper)))
        self.put(Placed(line, LEFT + WIDTH - line.halves / 2 * CELL), lower - THIRD / 2)
        used = PAGE_HEIGHT - TOP - (lower - THIRD)
        return round(used / ROW) + 2

    def rows(self, rows: Iterable[Row], start: int = 0) -> None:
        """Draw rows of the grid from row `start` on, counted from the top of the text block."""
        for index, row in enumerate(rows, start):
            if row:
                self.put(row, PAGE_HEIGHT - TOP - (index + 0.5) * ROW)

    def put(self, placed: Placed, middle: float) -> None:
        """Draw a line whose characters are centred on the height `middle`."""
        x = placed.x + placed.line.indent / 2 * placed.size * PITCH
        self._glyphs(placed.line, x, middle - 0.38 * placed.size, placed.size, placed.size * PITCH)

    def turn(self) -> None:
        """Begin the next page."""
        self._finish()
        self.number += 1

    def bytes(self) -> bytes:
        self._finish()
        self._canvas.save()
        return self._bytes.getvalue()

    def _finish(self) -> None:
        """All pages but the first are numbered: on the outer side, a cell in, 7 mm below the text block."""
        if self.number > 1:
            line = Line(tuple(tokens(f"— {self.number} —", Role.FIGURES, self.paper)))
            width = line.halves / 2 * FOURTH * PITCH
            is_odd = self.number % 2 == 1
            x = LEFT + WIDTH - CELL - width if is_odd else LEFT + CELL
            self.put(Placed(line, x, FOURTH), PAGE_HEIGHT - TOP - HEIGHT - 7 * MM)
        self._canvas.showPage()

    def _double_rule(self, top: float, *, thick_first: bool) -> None:
        upper, lower = (THICK, THIN) if thick_first else (THIN, THICK)
        x = (PAGE_WIDTH - RULE_LENGTH) / 2
        self._canvas.rect(x, top - upper, RULE_LENGTH, upper, stroke=0, fill=1)
        self._canvas.rect(x, top - upper - BETWEEN - lower, RULE_LENGTH, lower, stroke=0, fill=1)

    def _glyphs(self, line: Line, x: float, y: float, size: float, pitch: float, squeeze: float = 1.0) -> None:
        text = self._canvas.beginText()
        for piece in _pieces(line, x, size, pitch, squeeze):
            self.fonts[piece.face.fontName] = None
            text.setFont(piece.face.fontName, size)
            text.setTextOrigin(piece.x, y)
            text.setHorizScale(100 * piece.scale)
            text.setCharSpace(piece.tracking / piece.scale)
            text.textOut(piece.text)
        self._canvas.drawText(text)


@dataclass
class _Piece:
    """Characters of one face and one spacing, drawn as one string: small files, whole words to copy."""

    face: Face
    x: float
    scale: float
    tracking: float
    text: str
    end: float

    def continues(self, other: "_Piece") -> bool:
        same = self.face is other.face and math.isclose(self.tracking, other.tracking)
        return same and math.isclose(self.scale, other.scale) and math.isclose(self.x, other.end)


def _pieces(line: Line, x: float, size: float, pitch: float, squeeze: float) -> list[_Piece]:
    """Where each character of `line` goes, the first cell beginning at `x`; `squeeze` narrows every glyph."""
    pieces: list[_Piece] = []
    gap, give = line.spread * pitch / 2, line.squeeze * pitch / 2
    for token in line.tokens:
        space = token.halves * pitch / 2
        natural = sum(token.face.width(char) for char in token.text) * size / 1000 * squeeze
        taken = give if token.is_hollow else 0.0
        start = x - taken if token.text in NOT_LAST else x
        scale, tracking = squeeze, 0.0
        if token.text == "—":
            # two of them are one dash: the ink of each is stretched to fill its cell, so that they meet
            left, right = (edge * size / 1000 for edge in token.face.ink(token.text))
            scale = (space + gap) / (right - left)
            start = x - left * scale
        elif natural > space and not token.is_full:
            scale *= space / natural
        else:
            slack = (space - natural) / len(token.text)
            start += slack / 2
            tracking = slack + (gap if token.is_full else 0.0)
        width = natural * scale / squeeze + tracking * len(token.text)
        piece = _Piece(token.face, start, scale, tracking, token.text, start + width)
        if pieces and piece.continues(pieces[-1]):
            pieces[-1].text += piece.text
            pieces[-1].end = piece.end
        else:
            pieces.append(piece)
        x += space + gap - taken
    return pieces
