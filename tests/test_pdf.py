"""What the office's letters promise: nothing dropped, set to the standard, the same bytes each time."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.errors import Invalid, NotFound
from models.settings import Settings, settings
from pdf import fonts
from pdf.amount import DIGITS, capitals, yuan
from pdf.fonts import Role
from pdf.letter import Letter, draw, papers, sample, write
from pdf.paper import COLUMNS, HOLLOW, NOT_FIRST, NOT_LAST, balanced, broken, tokens

MM = 72 / 25.4
KINDS = sorted(papers())
LETTER = Letter(
    kind="reply",
    title="关于电梯更换的复函",
    number="福田莲花街办函〔2026〕12号",
    issuer="深圳市福田区莲花街道办事处",
    addressee="莲花北村业主委员会",
    paragraphs=("来函收悉。", "特此函复。"),
    date=date(2026, 9, 10),
)


def pages_of(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    return [page.get_textpage().get_text_range() for page in document]


def squeezed(text: str) -> str:
    return re.sub(r"\s", "", text)


def said(letter: Letter) -> str:
    """Everything the letter has to say, in the order of the paper."""
    day = f"{letter.date.year}年{letter.date.month}月{letter.date.day}日"
    note = [f"（{letter.note}）"] if letter.note else []
    copies = [f"抄送：{'，'.join(letter.copies)}。"] if letter.copies else []
    head = [letter.issuer, letter.number, letter.title, f"{letter.addressee}："]
    return squeezed("".join([*head, *letter.paragraphs, letter.issuer, day, *note, *copies]))


def read_back(pdf: bytes) -> str:
    """The text of the paper without its page numbers."""
    return squeezed("".join(re.sub(rf"—\s*{n}\s*—", "", text) for n, text in enumerate(pages_of(pdf), 1)))


def boxes(pdf: bytes, page: int = 0) -> Iterator[tuple[str, float, float, float, float]]:
    """Each visible character with left, bottom, right, top of its ink, in mm from the lower left corner."""
    text = pypdfium2.PdfDocument(pdf)[page].get_textpage()
    for index in range(text.count_chars()):
        char = text.get_text_range(index, 1)
        if char.strip():
            left, bottom, right, top = text.get_charbox(index)
            yield char, left / MM, bottom / MM, right / MM, top / MM


# --- every kind ---


@pytest.mark.parametrize("kind", KINDS)
def test_every_paper_says_exactly_what_was_written(kind: str) -> None:
    letter = write(kind, sample(kind))
    drawn = draw(letter)
    assert read_back(drawn.pdf) == said(letter)
    assert len(drawn.pdf) < 300_000
    assert drawn.fonts and all("Helvetica" not in font for font in drawn.fonts)
    assert b"/Helvetica" not in drawn.pdf


@pytest.mark.parametrize("kind", KINDS)
def test_no_line_starts_or_ends_with_a_mark_that_may_not(kind: str) -> None:
    for page in pages_of(draw(write(kind, sample(kind))).pdf):
        for line in page.splitlines():
            assert line[0] not in NOT_FIRST - {"—"} and line[-1] not in NOT_LAST


@pytest.mark.parametrize("kind", KINDS)
def test_ink_stays_inside_the_text_block(kind: str) -> None:
    letter = write(kind, sample(kind))
    for char, left, bottom, right, top in list(boxes(draw(letter).pdf))[len(letter.issuer) :]:
        assert left > 27.5 and right < 184.5, char
        assert bottom > 35 and top < 297 - 29.5, char


@pytest.mark.parametrize("kind", KINDS)
def test_facts_that_went_through_json_give_the_same_letter(kind: str) -> None:
    facts = sample(kind)
    assert write(kind, json.loads(json.dumps(facts, default=str))) == write(kind, facts)


def test_the_same_letter_gives_the_same_bytes_in_another_process() -> None:
    script = "from pdf.letter import *; print(draw(write('transfer_notice', sample('transfer_notice'))).sha256)"
    elsewhere = {**os.environ, "TZ": "America/New_York", "SOURCE_DATE_EPOCH": "99", "PYTHONHASHSEED": "5"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=elsewhere)
    assert done.stdout.strip() == draw(write("transfer_notice", sample("transfer_notice"))).sha256


def test_letters_drawn_at_once_do_not_mix() -> None:
    letters = [write(kind, sample(kind)) for kind in KINDS] * 2
    with ThreadPoolExecutor(4) as pool:
        at_once = [drawn.sha256 for drawn in pool.map(draw, letters)]
    assert at_once == [draw(letter).sha256 for letter in letters]


# --- the layout of the standard ---


def red_of(pdf: bytes) -> list[tuple[float, float, float, float]]:
    """Left, bottom, right, top of the rules on the first page, in mm."""
    page = pypdfium2.PdfDocument(pdf)[0]
    rules = [each.get_bounds() for each in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_PATH])]
    return sorted((tuple(length / MM for length in rule) for rule in rules), key=lambda rule: -rule[1])


def test_the_letter_head_stands_where_the_standard_puts_it() -> None:
    pdf = draw(LETTER).pdf
    mark = [box for box in boxes(pdf)][: len(LETTER.issuer)]
    assert max(top for *_, top in mark) == pytest.approx(297 - 30, abs=0.8)
    assert min(box[1] for box in mark) + max(box[3] for box in mark) == pytest.approx(210, abs=1)

    thick, thin, foot_thin, foot_thick = red_of(pdf)
    assert min(box[2] for box in mark) - thick[3] == pytest.approx(4, abs=0.8)
    for rule in (thick, thin, foot_thin, foot_thick):
        assert [rule[0], rule[2]] == pytest.approx([20, 190], abs=0.1)
    assert thick[3] - thick[1] > 2 * (thin[3] - thin[1])
    assert foot_thick[3] - foot_thick[1] > 2 * (foot_thin[3] - foot_thin[1])
    assert foot_thick[1] == pytest.approx(20, abs=0.2)

    number = [box for box in boxes(pdf)][len(LETTER.issuer) :][: len(LETTER.number)]
    assert max(box[3] for box in number) == pytest.approx(184, abs=0.5)
    assert thin[1] - max(box[4] for box in number) == pytest.approx(16 * 7 / 8 / MM, abs=0.8)


def test_the_body_lies_on_the_grid_of_28_by_22() -> None:
    pdf = draw(replace(LETTER, paragraphs=("测" * 26 + "试" * 28 * 60,))).pdf
    lines = pages_of(pdf)[1].splitlines()
    assert [len(line) for line in lines[:22]] == [28] * 22
    rows = sorted({round(bottom, 1) for char, _, bottom, _, _ in boxes(pdf, 1) if char == "试"}, reverse=True)
    assert rows[0] - rows[21] == pytest.approx(21 * 225 / 22, abs=0.2)
    lefts = sorted({round(left, 1) for char, left, *_ in boxes(pdf, 1) if char == "试"})
    assert lefts[27] - lefts[0] == pytest.approx(27 * 156 / 28, abs=0.2)


def test_pages_are_numbered_from_the_second_on_the_outer_side() -> None:
    pdf = draw(replace(LETTER, paragraphs=("试" * 28 * 50,))).pdf
    first, second, third = pages_of(pdf)
    assert "—" not in first and "— 2 —" in second and "— 3 —" in third
    assert min(left for char, left, *_ in boxes(pdf, 1) if char == "—") == pytest.approx(28 + 5.6, abs=0.5)
    assert max(box[3] for box in boxes(pdf, 2) if box[0] == "—") == pytest.approx(184 - 5.6, abs=0.5)


@pytest.mark.parametrize("copies", [(), ("深圳市莲馨物业服务有限公司",)])
@pytest.mark.parametrize("note", [None, "此件公开发布。" * 12])
def test_the_signature_never_stands_alone(copies: tuple[str, ...], note: str | None) -> None:
    for count in range(1, 50):
        body = tuple(f"第{number}段。" for number in range(1, count + 1))
        letter = replace(LETTER, paragraphs=body, copies=copies, note=note)
        drawn = draw(letter)
        assert read_back(drawn.pdf) == said(letter)
        signed = next(page for page in pages_of(drawn.pdf) if "2026年9月10日" in page)
        assert "段。" in signed
        assert all(squeezed(page) for page in pages_of(drawn.pdf))


def test_annexes_are_listed_under_the_text() -> None:
    listed = replace(LETTER, annexes=("工程预算书（含曳引机、钢丝绳、门机系统及控制柜的规格型号与单价）", "现场照片"))
    text = read_back(draw(listed).pdf)
    assert "特此函复。附件：1.工程预算书（含曳引机" in text and "2.现场照片深圳市福田区" in text
    assert "附件：现场照片" in read_back(draw(replace(LETTER, annexes=("现场照片",))).pdf)


# --- every character ---


def test_rare_characters_can_be_read_back() -> None:
    names = "李晓䶮、王犇、张𬭎、喆㛃堃"
    marks = "“困人”……——《办法》〔2026〕（①②）：；？！·㎡℃％"
    letter = replace(LETTER, paragraphs=(f"{names}{marks} Otis GeN2，1,234.56元。",))
    assert read_back(draw(letter).pdf) == said(letter)


@pytest.mark.parametrize("field", ["title", "issuer", "number", "addressee", "note"])
def test_a_missing_glyph_is_refused_by_name(field: str) -> None:
    with pytest.raises(Invalid, match=r"《.*》无法排印：.*“𠮷”（U\+20BB7）"):
        draw(Letter(**{**vars(LETTER), field: "𠮷"}))
    with pytest.raises(Invalid, match=r"U\+200B"):
        draw(replace(LETTER, paragraphs=("看不见的\u200b字",)))


def test_a_dash_of_two_characters_is_one_stroke() -> None:
    pdf = draw(replace(LETTER, paragraphs=("破折号——完。",))).pdf
    (_, left, bottom, _, top), (_, _, _, right, _) = (box for box in boxes(pdf) if box[0] == "—")
    page = pypdfium2.PdfDocument(pdf)[0].render(scale=4).to_pil().convert("L")
    dots = page.width / 210
    middle = round((297 - (bottom + top) / 2) * dots)
    stroke = range(round((left + 0.3) * dots), round((right - 0.3) * dots))
    assert max(page.getpixel((x, middle)) for x in stroke) < 200


def test_markup_is_only_text() -> None:
    facts = sample("acceptance_notice")
    facts["case"] = {**facts["case"], "works": "<b>3栋</b>&amp;<para/>{{ 7 * 7 }}更换"}
    assert "<b>3栋</b>&amp;<para/>{{7*7}}更换" in read_back(draw(write("acceptance_notice", facts)).pdf)


ALPHABET = "施工合同预算元日2026,.-/ABW（）《》“”‘’，。、：；？！…—〔〕％ "


@given(st.text(ALPHABET, min_size=1, max_size=200))
def test_lines_keep_every_character_and_the_rules_of_breaking(text: str) -> None:
    cut = tokens(text, Role.BODY, "试")
    lines = broken(cut, first=2)
    assert squeezed("".join(line.text for line in lines)) == squeezed(text)
    for line, following in pairwise(lines):
        assert not line.text.endswith(" ") and not following.text.startswith(" ")
        assert line.halves <= line.room + 0.75 * sum(token.is_hollow for token in line.tokens)
        run = re.compile(rf"[{re.escape(''.join(NOT_FIRST | NOT_LAST))} ]{{8,}}")
        if not run.search(text):  # where a line is nothing but marks, one of them must start the next
            assert following.text[0] not in NOT_FIRST or len(line.tokens) < 4
            assert line.text[-1] not in NOT_LAST or len(line.tokens) < 4


def test_a_mark_gives_way_rather_than_leave_a_short_line() -> None:
    [line] = broken(tokens("预" * 10 + "，" + "算" * 10 + "（书）" + "附" * 4 + "。", Role.BODY, "试"))
    assert line.halves == 2 * COLUMNS + 2 and 0 < line.squeeze <= 0.75
    assert {token.text for token in line.tokens if token.is_hollow} <= HOLLOW


def test_a_figure_keeps_its_unit_and_a_date_its_day() -> None:
    for shift in range(28):
        for line in broken(tokens("办" * shift + "于2026年9月10日支付1,234,567.89元。", Role.BODY, "试")):
            assert not re.search(r"\d$", line.text)


def test_a_long_title_is_longest_first() -> None:
    lines = balanced(tokens("关于莲花北村物业专项维修资金使用有关事项的复函（试行）", Role.TITLE, "试"), 20)
    assert len(lines) == 2 and lines[0].halves > lines[1].halves


# --- fonts ---


@pytest.fixture
def own_fonts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    node_modules = settings().node_modules
    monkeypatch.setattr(fonts, "settings", lambda: Settings(fonts=tmp_path, node_modules=node_modules))
    return tmp_path


def test_the_operators_font_comes_first_and_the_paper_says_so(own_fonts: Path) -> None:
    sans = settings().node_modules / "@expo-google-fonts/noto-sans-sc/500Medium/NotoSansSC_500Medium.ttf"
    shutil.copy(sans, own_fonts / "SimFang.TTF")
    assert draw(LETTER).fonts == ("NotoSerifSC-Bold", "NotoSansSC-Medium")


def test_a_font_that_cannot_be_embedded_is_passed_over_with_the_reason(own_fonts: Path) -> None:
    (own_fonts / "仿宋_GB2312.otf").write_bytes(b"OTTO" + bytes(100))
    (own_fonts / "方正小标宋.ttf").write_bytes(b"broken")
    assert draw(LETTER).fonts == ("NotoSerifSC-Bold", "NotoSerifSC-Regular")
    assert "CFF" in str(fonts.load(fonts.files(Role.BODY)[0]))
    assert "不能读取" in str(fonts.load(fonts.files(Role.TITLE)[0]))


# --- wording ---


def facts_of(kind: str, **changed: Any) -> dict[str, Any]:
    return {**sample(kind), **changed}


def text_of(letter: Letter) -> str:
    return "\n".join([letter.title, *letter.paragraphs, letter.note or ""])


def test_an_unverified_limit_says_so_with_its_source() -> None:
    letter = write("acceptance_notice", sample("acceptance_notice"))
    assert letter.note and "依据未核实" in letter.note
    assert "深府规〔2025〕7号条文待核" in letter.note and "单笔业务办理时限5个工作日" in letter.note
    clock = {**sample("acceptance_notice")["clock"], "confidence": "secondary"}
    assert "依据未核实" in text_of(write("acceptance_notice", facts_of("acceptance_notice", clock=clock)))
    clock["confidence"] = "verified"
    assert "未核实" not in text_of(write("acceptance_notice", facts_of("acceptance_notice", clock=clock)))


@pytest.mark.parametrize("kind", [kind for kind in KINDS if sample(kind)["clock"]])
def test_a_provisional_day_is_called_provisional(kind: str) -> None:
    clock = {**sample(kind)["clock"], "provisional": True}
    assert "暂定" not in text_of(write(kind, sample(kind)))
    letter = write(kind, facts_of(kind, clock=clock))
    assert "暂定" in text_of(letter)
    assert read_back(draw(letter).pdf) == said(letter)


def test_a_correction_is_asked_for_once_with_every_item_and_the_day() -> None:
    text = text_of(write("correction_notice", sample("correction_notice")))
    assert "一次性告知" in text and "2026年9月24日24时" in text
    assert "\n1.施工合同" in text and "\n3.现场照片未标明拍摄日期和楼栋。" in text


@pytest.mark.parametrize(
    ("stage", "title", "words"),
    [
        ("intake", "不予受理决定书", "决定不予受理"),
        ("review", "不予划拨决定书", "决定不予划拨"),
        ("final_review", "结算审核不予通过决定书", "结算审核不予通过"),
    ],
)
def test_a_refusal_says_what_is_refused_and_why(stage: str, title: str, words: str) -> None:
    letter = write("refusal_notice", facts_of("refusal_notice", stage={"name": stage, "title": "…"}))
    assert letter.title == title and words in text_of(letter)
    assert "物业服务企业承担" in text_of(letter) and "异议" in text_of(letter)


@pytest.mark.parametrize(("stage", "payment"), [("review", "首期款"), ("final_review", "尾款")])
def test_a_transfer_names_payment_sum_and_payee(stage: str, payment: str) -> None:
    letter = write("transfer_notice", facts_of("transfer_notice", stage={"name": stage, "title": "…"}))
    assert f"同意划拨{payment}" in text_of(letter)
    assert "193,200.25元（大写：人民币壹拾玖万叁仟贰佰元贰角伍分）" in text_of(letter)
    assert "深圳市安恒电梯工程有限公司" in text_of(letter)
    assert letter.copies == ("深圳市莲馨物业服务有限公司",)


def test_an_urge_says_how_late_and_with_whom() -> None:
    text = text_of(write("urge_notice", sample("urge_notice")))
    assert "已逾期1个工作日" in text and "李晓䶮" in text
    late = {**sample("urge_notice")["late"], "officer": None}
    assert "经办人" not in text_of(write("urge_notice", facts_of("urge_notice", late=late)))


def test_a_reason_of_several_lines_stays_text_of_the_letter() -> None:
    reason = "一是材料不符。\n附注：此件公开发布\n抄送：某某"
    letter = write("refusal_notice", facts_of("refusal_notice", event={"reason": reason}))
    assert "抄送：某某" in letter.paragraphs and letter.copies == () and letter.note is None


def test_a_missing_fact_is_a_sentence() -> None:
    with pytest.raises(Invalid, match="《划拨通知书》缺少“amount”，不能成文"):
        write("transfer_notice", facts_of("transfer_notice", event={"payee": "某公司"}))
    with pytest.raises(Invalid, match="《划拨通知书》缺少金额，不能成文"):
        write("transfer_notice", facts_of("transfer_notice", event={"payee": "某公司", "amount": None}))
    with pytest.raises(Invalid, match="《返工通知书》缺少“finish_by”"):
        write("rework_notice", facts_of("rework_notice", event={"reason": "不合格"}))


def test_a_kind_without_wording_is_a_sentence() -> None:
    with pytest.raises(NotFound, match="没有“love_letter”这种文书的措辞"):
        write("love_letter", sample("acceptance_notice"))


def test_a_type_that_lives_elsewhere_brings_its_own_wording(tmp_path: Path) -> None:
    (tmp_path / "garden.jinja").write_text(
        '{% set papers = {"garden_notice": {"title": "绿化通知书", "format": "letter"},'
        ' "acceptance_notice": {"title": "绿化受理通知书", "format": "letter"}} %}'
        "{% macro garden_notice() %}{{ case.estate }}绿化一案收悉。\n特此通知。{% endmacro %}"
        "{% macro acceptance_notice() %}绿化申请，现予受理。{% endmacro %}",
        encoding="utf-8",
    )
    letter = write("garden_notice", sample("garden_notice", [tmp_path]), [tmp_path])
    assert letter.paragraphs == ("莲花北村绿化一案收悉。", "特此通知。")
    assert papers([tmp_path])["garden_notice"].title == "绿化通知书" and "garden_notice" not in papers()

    facts = sample("acceptance_notice")
    assert write("acceptance_notice", facts, [tmp_path]).title == "受理通知书"
    facts["case"] = {**facts["case"], "type": "garden"}
    assert write("acceptance_notice", facts, [tmp_path]).title == "绿化受理通知书"


def test_specimens_of_all_papers_can_be_written(tmp_path: Path) -> None:
    from api.cli_papers import papers_command

    papers_command(tmp_path / "out")
    index = json.loads((tmp_path / "out" / "index.json").read_text(encoding="utf-8"))
    assert {entry["kind"] for entry in index} == {*KINDS, "brief"}
    for entry in index:
        assert entry["format"] == ("report" if entry["kind"] == "brief" else "letter") and entry["title"]
        assert (tmp_path / "out" / f"{entry['kind']}.pdf").read_bytes().startswith(b"%PDF-")


# --- sums ---


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        # the examples of the rule itself, without the 零 that it leaves to the writer
        (140950, "人民币壹仟肆佰零玖元伍角"),
        (600714, "人民币陆仟零柒元壹角肆分"),
        (168032, "人民币壹仟陆佰捌拾元叁角贰分"),
        (10700053, "人民币壹拾万柒仟元伍角叁分"),
        (1640902, "人民币壹万陆仟肆佰零玖元零贰分"),
        (32504, "人民币叁佰贰拾伍元零肆分"),
        (0, "人民币零元整"),
        (5, "人民币伍分"),
        (10, "人民币壹角"),
        (100000, "人民币壹仟元整"),
        (100000000, "人民币壹佰万元整"),
        (10000000100, "人民币壹亿零壹元整"),
        (10010000000, "人民币壹亿零壹拾万元整"),
        (100000000000100, "人民币壹万亿零壹元整"),
    ],
)
def test_sums_in_capitals_follow_the_rule(fen: int, words: str) -> None:
    assert capitals(fen) == words


def read(words: str) -> int:
    """The sum that capitals stand for, read independently of how they were written."""
    body = words.removeprefix("人民币").removesuffix("整")
    whole, _, rest = body.partition("元") if "元" in body else ("", "", body)
    total = section = digit = 0
    for char in whole:
        if char in DIGITS:
            digit = DIGITS.index(char)
        elif char in "拾佰仟":
            section, digit = section + digit * {"拾": 10, "佰": 100, "仟": 1000}[char], 0
        elif char == "万":
            total, section, digit = total + (section + digit) * 10**4, 0, 0
        else:
            total, section, digit = (total + section + digit) * 10**8, 0, 0
    fen = (total + section + digit) * 100
    for value, unit in re.findall(r"(.)([角分])", rest):
        fen += DIGITS.index(value) * {"角": 10, "分": 1}[unit]
    return fen


@given(st.integers(0, 10**17) | st.integers(0, 10**7).map(lambda n: n * 10**4 + n % 7))
def test_sums_in_capitals_can_be_read_back(fen: int) -> None:
    words = capitals(fen)
    assert read(words) == fen
    assert "零零" not in words and not re.search(r"零[元万亿仟佰拾]", words.replace("零元整", ""))


def test_a_sum_in_figures_has_its_cents() -> None:
    assert [yuan(fen) for fen in (0, 5, 123456, 100000000)] == ["0.00", "0.05", "1,234.56", "1,000,000.00"]
    with pytest.raises(ValueError, match="not negative"):
        capitals(-1)
