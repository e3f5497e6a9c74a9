"""Letters of the office (告知书, 通知书, 决定书): facts → wording → a frozen value → always the same bytes.

The wording stands in Jinja files, one per case type: `papers` names the kinds it has, a macro of the same
name writes each paragraph on a line of its own. What is drawn is plain text, so the templates escape nothing.
"""

import hashlib
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, UndefinedError

from models.errors import Invalid, NotFound

from .amount import capitals, yuan
from .fonts import Role
from .paper import (
    CELL,
    COLUMNS,
    FOURTH,
    LEFT,
    PAGE_WIDTH,
    ROWS,
    SECOND,
    WIDTH,
    Row,
    Sheets,
    balanced,
    broken,
    centred,
    flushed,
    tokens,
)

LETTERS = Path(__file__).parent / "letters"


@dataclass(frozen=True)
class Letter:
    """One letter as it will stand on paper, all plain text; `note` is the 附注 without its brackets."""

    kind: str
    title: str
    number: str
    issuer: str
    addressee: str
    paragraphs: tuple[str, ...]
    date: date
    annexes: tuple[str, ...] = ()
    copies: tuple[str, ...] = ()
    note: str | None = None
    case_number: str | None = None


@dataclass(frozen=True)
class PaperKind:
    kind: str
    title: str
    format: str


@dataclass(frozen=True)
class Drawn:
    pdf: bytes
    sha256: str
    fonts: tuple[str, ...]
    pages: int


# --- wording ------------------------------------------------------------------------------------------------


def papers(wording: Iterable[Path] = ()) -> dict[str, PaperKind]:
    """Every kind of paper that has wording, by its name; `wording` are further folders of `<type>.jinja`."""
    kinds: dict[str, PaperKind] = {}
    for template in _templates(tuple(wording)):
        for kind, entry in _declared(template).items():
            kinds.setdefault(kind, PaperKind(kind, entry["title"], entry["format"]))
    return kinds


def write(kind: str, facts: Mapping[str, Any], wording: Iterable[Path] = ()) -> Letter:
    """The letter of `kind` about `facts`; where several files word a kind, that of `facts["case"]["type"]`.

    Days may be dates or ISO strings (facts come back from JSON as such), sums are fen. Raises `NotFound` for
    a kind without wording and `Invalid` where the wording needs a fact that is not there.
    """
    folders = tuple(wording)
    template = _template(kind, folders, facts["case"].get("type"))
    entry = _declared(template)[kind]
    title = entry.get("titles", {}).get(facts["stage"]["name"], entry["title"])
    given = {"event": {}, "clock": None, "note": None, **facts}
    try:
        paragraphs = _lines(getattr(template.make_module(given), kind)())
        notes = _lines(_environment(folders).get_template("notes.txt").render(given))
    except UndefinedError as missing:
        raise Invalid(f"《{title}》缺少{missing}，不能成文。") from missing
    return Letter(
        kind=kind,
        title=title,
        number=facts["number"],
        issuer=facts["issuer"],
        addressee=facts["addressee"],
        paragraphs=paragraphs,
        date=_date(facts["date"]),
        copies=tuple(facts.get("copies", ())),
        note="；".join(line.removesuffix("。") for line in notes) or None,
        case_number=facts["case"]["number"],
    )


def sample(kind: str, wording: Iterable[Path] = ()) -> dict[str, Any]:
    """Fixed facts for a specimen of `kind`: what all share, and over it what the wording file gives."""
    folders = tuple(wording)
    return {**SAMPLE, **_declared(_template(kind, folders))[kind].get("sample", {})}


SAMPLE: dict[str, Any] = {
    "number": "福田莲花街办函〔2026〕12号",
    "issuer": "深圳市福田区莲花街道办事处",
    "addressee": "深圳市莲馨物业服务有限公司",
    "date": date(2026, 9, 10),
    "case": {
        "number": "WX-2026-000123",
        "title": "维修资金使用",
        "estate": "莲花北村",
        "applicant": "深圳市莲馨物业服务有限公司",
        "works": "3栋、5栋电梯曳引机及钢丝绳更换",
        "budget": 38_640_050,
    },
    "stage": {"name": "intake", "title": "受理"},
    "event": {},
    "note": None,
    "clock": {
        "due_day": date(2026, 9, 17),
        "limit": "5个工作日",
        "rule": "维修资金划拨审核时限",
        "source": "沿用2023-06-05答复口径；深府规〔2025〕7号条文待核",
        "article": "单笔业务办理时限5个工作日",
        "confidence": "unverified",
        "provisional": False,
    },
    "copies": [],
}


class _Missing(StrictUndefined):
    @property
    def _undefined_message(self) -> str:
        return f"“{self._undefined_name}”"


def _lines(text: str) -> tuple[str, ...]:
    return tuple(line.strip() for line in text.splitlines() if line.strip())


def _date(value: date | str) -> date:
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def _day(value: date | str) -> str:
    day = _date(value)
    return f"{day.year}年{day.month}月{day.day}日"


def _sum(fen: int | None) -> str:
    """In figures and in capitals, as money is named where it is paid."""
    if fen is None:
        raise UndefinedError("金额")
    return f"{yuan(fen)}元（大写：{capitals(fen)}）"


@cache
def _environment(folders: tuple[Path, ...]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([LETTERS, *folders]),
        undefined=_Missing,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(day=_day, yuan=yuan, capitals=capitals, sum=_sum)
    return environment


def _templates(folders: tuple[Path, ...]) -> list[Template]:
    environment = _environment(folders)
    names = environment.list_templates(filter_func=lambda name: name.endswith(".jinja") and "/" not in name)
    return [environment.get_template(name) for name in names]


def _declared(template: Template) -> dict[str, dict[str, Any]]:
    return getattr(template.module, "papers", {})


def _template(kind: str, folders: tuple[Path, ...], case_type: str | None = None) -> Template:
    found = [template for template in _templates(folders) if kind in _declared(template)]
    if not found:
        raise NotFound(f"没有“{kind}”这种文书的措辞文件，不能成文。", field="kind")
    return next((template for template in found if template.name == f"{case_type}.jinja"), found[0])


# --- paper --------------------------------------------------------------------------------------------------

PEN = threading.Lock()
"""A face reads its file by a position of its own: two letters drawn at once would mix their glyphs."""


def draw(letter: Letter) -> Drawn:
    """The letter on A4 in 信函格式 (GB/T 9704-2012, 10.1); equal letters give equal bytes.

    Raises `Invalid` naming the character and the paper where no face has a character of it.
    """
    with PEN:
        sheets = Sheets(letter.title, letter.date, author=letter.issuer, subject=letter.case_number or "")
        row = sheets.letter_head(letter.issuer, letter.number)
        pages = _paginated(letter, ROWS - row)
        for number, page in enumerate(pages):
            if number:
                sheets.turn()
            sheets.rows(page, start=0 if number else row)
        pdf = sheets.bytes()
    return Drawn(pdf, hashlib.sha256(pdf).hexdigest(), tuple(sheets.fonts), len(pages))


def _paginated(letter: Letter, first: int) -> list[list[Row]]:
    """Rows per page, at most `first` on the first; the signature shares its page with text of the letter."""

    def cut(text: str, **layout: int) -> list[Row]:
        return flushed(broken(tokens(text, Role.BODY, letter.title), **layout))

    title = balanced(tokens(letter.title, Role.TITLE, letter.title), columns=int(WIDTH / SECOND))
    head = [*centred(title, PAGE_WIDTH / 2, SECOND), None, *cut(f"{letter.addressee}：")]
    body = [row for paragraph in letter.paragraphs for row in cut(paragraph, first=2)] + _annexes(letter)
    signature = _signature(letter)
    notes = cut(f"（{letter.note}）", first=2) if letter.note else []
    copies = _copies(letter)

    pages: list[list[Row]] = [[]]

    def free() -> int:
        return (ROWS if len(pages) > 1 else first) - len(pages[-1])

    def flow(rows: Sequence[Row]) -> None:
        for row in rows:
            if not free():
                pages.append([])
            if row or pages[-1]:
                pages[-1].append(row)

    flow([*head, *body])
    after = len(signature) + len(notes) + len(copies)
    # two blank rows leave room for the seal; one will do where that saves a page
    blank = 2 if after + 2 <= free() else 1
    if after + blank > free() and len(pages[-1]) > 3:
        blank = 2
        kept: list[Row] = []
        while pages[-1] and sum(row is not None for row in kept) < 2:
            kept.insert(0, pages[-1].pop())
        pages.append(kept)
    flow([*[None] * blank, *signature, *notes])
    if copies:
        if len(copies) > free():
            pages.append([])
        pages[-1] += [*[None] * (free() - len(copies)), *copies]
    return pages


def _annexes(letter: Letter) -> list[Row]:
    """附件说明: a row below the text, two cells in, names under each other, no full stop."""
    rows: list[Row] = [None] if letter.annexes else []
    for number, name in enumerate(letter.annexes, 1):
        label = ("附件：" if number == 1 else "") + (f"{number}." if len(letter.annexes) > 1 else "")
        hang = 6 if len(letter.annexes) > 1 else 5
        lines = broken(tokens(label + name, Role.BODY, letter.title), first=2 if number == 1 else 5, rest=hang)
        rows += flushed(lines)
    return rows


def _signature(letter: Letter) -> list[Row]:
    """The day four cells from the right edge, the issuer centred above it: the seal will lie on both."""
    day = broken(tokens(_day(letter.date), Role.BODY, letter.title))
    middle = LEFT + WIDTH - (4 + day[0].halves / 4) * CELL
    issuer = broken(tokens(letter.issuer, Role.BODY, letter.title))
    return [*centred(issuer, middle), *centred(day, middle)]


def _copies(letter: Letter) -> list[Row]:
    """抄送, 四号, a cell in from both sides, at the foot of the last page, without rules or printer."""
    if not letter.copies:
        return []
    text = f"抄送：{'，'.join(letter.copies)}。"
    columns = int(COLUMNS * 16 / FOURTH) - 2
    lines = broken(tokens(text, Role.BODY, letter.title), columns=columns, rest=3)
    return flushed(lines, x=LEFT + FOURTH * CELL / 16, size=FOURTH)
