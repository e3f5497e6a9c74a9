"""Rosters and ballots as an office really gets them: what is put right, what is left to a person, what is turned away."""

import struct
import zipfile
import zlib
from collections.abc import Callable
from datetime import date, datetime
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from models.errors import Invalid, Refused, TooLarge
from models.reading import estate_named_in, is_same_estate
from models.roster import (
    BallotsReading,
    Finding,
    RosterReading,
    belongs_to,
    masked_id,
    masked_name,
    read_ballots,
    read_roster,
    unit_label,
)

from .papers import DATA, HEADER, workbook

SHANGHAI = ZoneInfo("Asia/Shanghai")
SU, WU, LIU = "440387078659414899", "440350312198911911", "440398046202594822"
FIRM = "91440300MA5F000X1L"


def roster(*lines: tuple[Any, ...], **more: Any) -> RosterReading:
    """A roster of lines (unit, owner, id, area, phone, remark)."""
    numbered = [(number, *line) for number, line in enumerate(lines, 1)]
    return read_roster(workbook([("莲花苑小区业主名册",), HEADER, *numbered], **more))


def ballots(*lines: tuple[Any, ...]) -> BallotsReading:
    return read_ballots(workbook([("房号", "业主姓名", "表决意见", "收票时间"), *lines]))


def the(findings: tuple[Finding, ...]) -> Finding:
    (finding,) = findings
    return finding


def sole(value: Any) -> Any:
    (only,) = value
    return only


# ── the sample of an estate's papers ──


def sample() -> RosterReading:
    return read_roster((DATA / "lianhua_roster.xlsx").read_bytes(), filename="lianhua_roster.xlsx")


def test_the_sample_is_312_units_of_288_owners() -> None:
    reading = sample()
    assert (len(reading.lines), reading.total_area_dm2, reading.heads) == (312, 29_937_98, 288)
    assert (reading.unsold_units, reading.duplicate_lines) == (7, 4)
    assert (reading.refused, reading.undecided, reading.estate_name) == ((), (), None)


def test_the_lines_pasted_twice_are_merged_and_named() -> None:
    merged = sample().merged
    assert [(found.unit, found.rows) for found in merged] == [
        ("1栋1102", (45, 46)), ("1栋1901", (77, 78)), ("4栋0302", (306, 307)), ("4栋0601", (318, 319)),
    ]  # fmt: skip
    assert merged[0].sentence == "1栋1102在第46行重复了第45行，只计一次。"


def test_spaces_full_width_digits_and_areas_as_text_are_put_right() -> None:
    lines = {line.unit: line for line in sample().lines}
    assert lines["1栋0502"].source_row == 21  # " 1栋0502　"
    assert lines["1栋0602"].area_dm2 == 62_10  # １栋０６０２
    assert lines["1栋0501"].area_dm2 == 88_56  # 88.56㎡ as text
    assert lines["1栋0801"].owner == "武勇䶮"
    assert lines["1栋0101"].building == "1栋"


def test_the_developers_number_in_small_letters_is_the_same_developer() -> None:
    unsold = [line for line in sample().lines if line.unsold]
    assert len(unsold) == 7
    assert {line.owner_key for line in unsold} == {"1栋0602"}
    assert {line.id_number for line in unsold} == {FIRM}


def test_what_nobody_sees_in_a_pasted_text_does_not_matter() -> None:
    reading = roster(("\u200b1栋0101", "\ufeff苏伟\u200e", SU, 100), ("1栋0101", "苏伟\0", SU, 100))
    assert (sole(reading.lines).owner, reading.duplicate_lines) == ("苏伟", 1)


def test_one_buyer_of_several_units_is_one_owner_alone_or_jointly() -> None:
    key = {line.unit: line.owner_key for line in sample().lines}
    assert key["2栋0204"] == key["2栋1602"] == key["3栋0501"]  # 程杰怡
    assert key["1栋1203"] == key["2栋0402"]  # 张兰博、王芳杰
    assert key["1栋2402"] == key["2栋1704"]  # 史欣琪, whose number ends in XX in both lines


def test_namesakes_with_two_numbers_are_two_owners_and_noted() -> None:
    reading = sample()
    key = {line.unit: line.owner_key for line in reading.lines}
    assert key["3栋0104"] != key["3栋2204"]
    assert the(reading.noted).sentence == "3栋0104、3栋2204：业主同名，证件号码不同，按2人计。"


def test_no_key_and_no_sentence_shows_an_identity_number() -> None:
    reading = sample()
    numbers = {line.id_number for line in reading.lines if line.id_number}
    shown = repr(reading)
    assert not any(number in shown for number in numbers)


# ── who is one owner ──


def test_joint_owners_are_another_buyer_than_one_of_them_alone() -> None:
    reading = roster(
        ("1栋0101", "苏伟、武建博", SU, 100),
        ("1栋0102", "苏伟", SU, 100),
        ("1栋0103", "武建博、苏 伟", SU, 90),
    )
    first, alone, again = (line.owner_key for line in reading.lines)
    assert first == again != alone
    assert reading.undecided == ()
    assert the(reading.noted).kind == "joint_and_alone"


def test_one_number_with_two_names_is_left_to_a_person() -> None:
    reading = roster(("1栋0101", "苏伟", SU, 100), ("1栋0102", "苏玮", SU, 100))
    assert reading.heads == 1
    assert the(reading.undecided).sentence == "1栋0101、1栋0102：证件号码相同而姓名不同，暂按1人计；请核实。"


@pytest.mark.parametrize("hidden", ["4403870786594148XX", "440387********4899", "440387＊＊＊＊＊＊＊＊4899"])
def test_a_number_partly_hidden_that_may_be_the_namesakes_is_left_to_a_person(hidden: str) -> None:
    reading = roster(("1栋0101", "苏伟", SU, 100), ("1栋0102", "苏伟", hidden, 100))
    assert the(reading.undecided).kind == "same_owner"


def test_a_number_partly_hidden_that_cannot_be_the_namesakes_is_another_owner() -> None:
    reading = roster(("1栋0101", "苏伟", SU, 100), ("1栋0102", "苏伟", "440999********4899", 100))
    assert (reading.heads, reading.undecided) == (2, ())


def test_people_whose_shown_digits_agree_are_not_one_owner() -> None:
    reading = roster(("1栋0101", "苏伟", "440387********4899", 100), ("1栋0102", "武建博", "440387********4899", 100))
    assert (reading.heads, reading.undecided) == (2, ())


def test_without_numbers_the_name_tells_and_a_telephone_makes_sure() -> None:
    sure = roster(("1栋0101", "苏伟", "", 100, "13800000001"), ("1栋0102", "苏　伟", "/", 100, "13800000001"))
    assert (sure.heads, sure.undecided) == (1, ())
    doubtful = roster(("1栋0101", "苏伟", "", 100), ("1栋0102", "苏伟", "无", 100))
    assert (doubtful.heads, the(doubtful.undecided).kind) == (1, "same_owner")
    half = roster(("1栋0101", "苏伟", SU, 100), ("1栋0102", "苏伟", "", 100))
    assert (half.heads, the(half.undecided).kind) == (2, "same_owner")


def test_a_company_is_one_owner_with_or_without_its_number() -> None:
    firm = "深圳市莲塘置业有限公司"
    reading = roster(("1栋0101", firm, FIRM, 100), ("1栋0102", firm, "", 100))
    assert (reading.heads, reading.undecided) == (1, ())


def test_unsold_and_undelivered_units_are_the_developers_one_head() -> None:
    reading = roster(
        ("1栋0101", "苏伟", SU, 100, "", "已售，未交付"),
        ("1栋0102", "深圳市莲塘置业有限公司", FIRM, 100, "", "未售"),
        ("1栋0103", "", "", 100, "", "未售"),
        ("1栋0104", "深圳市莲塘置业有限公司", FIRM, 100, "", "自用"),
        ("1栋0105", "苏伟", SU, 100),
    )
    keys = [line.owner_key for line in reading.lines]
    assert keys == ["1栋0101"] * 4 + ["1栋0105"]
    assert (reading.unsold_units, reading.undecided) == (3, ())


def test_two_developers_are_left_to_a_person() -> None:
    reading = roster(
        ("1栋0101", "甲置业有限公司", "", 100, "", "未售"), ("1栋0102", "乙置业有限公司", "", 100, "", "未售")
    )
    assert (reading.heads, the(reading.undecided).kind) == (1, "two_developers")


def test_a_number_excel_cut_to_fifteen_digits_is_no_whole_number() -> None:
    reading = roster(("1栋0101", "苏伟", 440387078659414899, 100), ("1栋0102", "苏伟", SU, 100))
    assert reading.lines[0].id_number == "440387078659414***"
    assert the(reading.noted).kind == "id_cut"
    assert the(reading.undecided).kind == "same_owner"


# ── what is left to a person ──


@pytest.mark.parametrize(
    ("second", "difference"),
    [
        (("苏伟", SU, 101.5), "面积"),
        (("武建博", WU, 100), "业主、证件号码"),
        (("苏伟", SU, ""), "面积"),
        (("苏伟", SU, 100, "", "未售"), "是否未售"),
    ],
)
def test_a_unit_twice_with_a_difference_is_not_guessed(second: tuple[Any, ...], difference: str) -> None:
    reading = roster(("1栋0101", "苏伟", SU, 100), ("1幢101室", *second), ("1栋0102", "刘洋", LIU, 90))
    assert [line.unit for line in reading.lines] == ["1栋0102"]
    found = the(reading.undecided)
    assert found.sentence == f"1栋0101出现了2次（第3行、第4行），{difference}不同，未计入；请核实后只留一行。"
    assert (found.unit, found.rows) == ("1栋0101", (3, 4))


def test_a_line_pasted_twice_keeps_the_number_that_only_one_has() -> None:
    reading = roster(("1栋0101", "苏伟", "", 100), ("1栋0101", "苏伟", SU, "100.00㎡"))
    assert sole(reading.lines).id_number == SU
    assert reading.duplicate_lines == 1


@pytest.mark.parametrize(
    ("area", "problem"),
    [
        ("", "没有填面积"),
        ("约88", "面积“约88”看不懂"),
        ("八十八", "面积“八十八”看不懂"),
        ("8" * 60, f"面积“{'8' * 20}”看不懂"),
        (0, "面积为 0"),
        ("88.567", "面积 88.567 超过两位小数，应按登记面积填写"),
        (29_000_000, "面积 29000000.00 ㎡大得不像一个单元"),
        (date(2026, 3, 1), "面积“2026-03-01 00:00:00”看不懂"),
    ],
)
def test_an_area_that_cannot_be_read_is_not_guessed(area: Any, problem: str) -> None:
    reading = roster(("1栋0101", "苏伟", SU, area), ("1栋0102", "刘洋", LIU, 90))
    assert reading.total_area_dm2 == 90_00
    assert the(reading.undecided).sentence == f"1栋0101（第3行）{problem}，未计入；请核实后补正。"


@pytest.mark.parametrize(
    ("area", "dm2"),
    [(105.22999999999999, 105_23), ("８８．５６㎡", 88_56), ("1,088.5 平方米", 1088_50), ("62.10m²", 62_10), (" 77 ", 77_00)],
)  # fmt: skip
def test_an_area_is_read_however_it_is_written(area: Any, dm2: int) -> None:
    assert sole(roster(("1栋0101", "苏伟", SU, area)).lines).area_dm2 == dm2


def test_a_unit_that_excel_made_a_date_is_left_to_a_person() -> None:
    reading = roster((date(2026, 1, 12), "苏伟", SU, 100), ("1-13", "刘洋", LIU, 90))
    assert "被 Excel 改成了日期" in the(reading.undecided).sentence


def test_lines_without_a_unit_or_an_owner_are_left_to_a_person() -> None:
    reading = roster(
        ("1栋0101", "苏伟", SU, 100),
        ("", "武建博", WU, ""),
        ("商铺", "武建博", WU, 50),
        ("1栋0104", "", "", 50),
        ("填表人：李四", "", "", ""),
    )
    assert [found.sentence.split("，")[0] for found in reading.undecided] == [
        "第4行有业主但没有房号和面积",
        "第5行房号“商铺”看不出是哪个单元",
        "1栋0104（第6行）没有写业主姓名",
    ]


def test_joint_owners_on_merged_rows_are_one_unit() -> None:
    lines = (("1栋0101", "苏伟", SU, 100), ("", "武建博", WU, ""), ("1栋0102", "刘洋", LIU, 90))
    reading = roster(*lines, merge=("B3:B4", "E3:E4"))
    assert [(line.owner, line.area_dm2) for line in reading.lines] == [
        ("苏伟、武建博", 100_00),
        ("刘洋", 90_00),
    ]
    assert reading.undecided == ()


def test_a_total_that_differs_from_the_sum_is_reported() -> None:
    lines = [("1栋0101", "苏伟", SU, 100), ("1栋0102", "刘洋", LIU, 90.5), ("1栋小计", "", "", 190.5)]
    more = [("2栋0101", "武建博", WU, 80), ("2栋小计", "", "", 80)]
    assert roster(*lines, *more, ("合  计", "", "", "270.50㎡")).undecided == ()
    found = the(roster(*lines, *more, ("合计", "", "", 300)).undecided)
    assert found.sentence == "第8行“合计”写的是 300.00 ㎡，各行相加是 270.50 ㎡；请核对有无漏行或错行。"
    assert the(roster(*lines, more[0], ("2栋小计", "", "", 270.5)).undecided).kind == "total_differs"


def test_a_total_that_counts_a_repeated_line_is_noted() -> None:
    line = ("1栋0101", "苏伟", SU, 100)
    reading = roster(line, line, ("合计", "", "", 200))
    assert (reading.undecided, the(reading.noted).kind) == ((), "total_of_all_lines")


# ── the shapes of a workbook ──


def test_every_visible_sheet_with_a_header_is_read() -> None:
    one = [HEADER, (1, "1栋0101", "苏伟", SU, 100)]
    two = [
        ("2栋",),
        HEADER,
        (1, "2栋0101", "苏伟", SU, 100),
        HEADER,
        (2, "2栋0102", "刘洋", "", 90),
        (3, "2栋0102", "刘洋", "", 90),
    ]
    reading = read_roster(workbook(one, two, [("说明",)], [HEADER, (1, "9栋0101", "旧", "", 1)], hide=[3]))
    assert [line.unit for line in reading.lines] == ["1栋0101", "2栋0101", "2栋0102"]
    assert "“Sheet2”表第6行" in the(reading.merged).sentence
    assert the(reading.noted).sentence == "业主名册的工作表“Sheet3”里没有找到表头，未读。"


def test_building_and_section_may_be_columns_of_their_own() -> None:
    header = ("楼栋", "单元", "房号", "产权人", "套内面积（㎡）", "建筑\n面积（㎡）")
    reading = read_roster(
        workbook([header, (1, 2, 101, "苏伟", 70, 88.5), ("", "", 102, "刘洋", 60, 77)], merge=["A2:A3", "B2:B3"])
    )
    assert [(line.unit, line.area_dm2) for line in reading.lines] == [
        ("1栋2单元0101", 88_50),
        ("1栋2单元0102", 77_00),
    ]


def test_a_header_on_two_rows() -> None:
    rows = [("房号", "业主", "面积", ""), ("", "", "套内面积", "建筑面积"), ("1栋0101", "苏伟", 70, 88)]
    reading = read_roster(workbook(rows, merge=["A1:A2", "B1:B2"]))
    assert sole(reading.lines).area_dm2 == 88_00


@pytest.mark.parametrize(
    ("written", "label"),
    [
        ("１栋０１０１", "1栋0101"), ("1幢101室", "1栋0101"), ("01-0101", "1栋0101"), ("a座1203房", "A栋1203"),
        (" 1号楼 1单元 0302", "1栋1单元0302"), ("1-2-302", "1栋2单元0302"), ("101", "0101"), ("1栋101A", "1栋0101A"),
        ("商铺 12号", "商铺12号"), ("二期3栋0101", "二期3栋0101"), ("1栋小计", ""), ("", ""),
    ],
)  # fmt: skip
def test_a_unit_has_one_label_however_it_is_written(written: str, label: str) -> None:
    assert unit_label(written) == label


# ── ballots ──


def test_opinions_in_the_words_people_use() -> None:
    words = ["同意", " 赞成 ", "√", "不同意", "反对", "×", "弃 权", "弃权票"]
    reading = ballots(*((f"1栋{number:04}", "", word, "") for number, word in enumerate(words, 101)))
    assert [line.opinion for line in reading.lines] == ["agree"] * 3 + ["disagree"] * 3 + ["abstain"] * 2


def test_void_ballots_are_refused_and_unreadable_ones_left_to_a_person() -> None:
    reading = ballots(
        ("1栋0101", "", "废票"), ("1栋0102", "", "同意/反对"), ("1栋0103", "苏伟", ""), ("", "苏伟", "同意")
    )
    assert the(reading.refused).sentence == "1栋0101的表决票（第2行）记为“废票”，不计。"
    assert [found.kind for found in reading.undecided] == ["opinion_unread", "opinion_unread", "no_unit"]
    assert reading.undecided[0].source == "ballots"
    assert reading.lines == ()


@pytest.mark.parametrize(
    "written",
    [
        "2026-09-10 11:30", "2026/9/10 11:30:00", "2026年9月10日11时30分", "２０２６．９．１０　１１：３０",
        "2026-09-10T11:30", "2026年9月10日上午11:30", datetime(2026, 9, 10, 11, 30), 46275.479166666664,
    ],
)  # fmt: skip
def test_a_time_of_receipt_is_the_offices(written: Any) -> None:
    at = sole(ballots(("1栋0101", "苏伟", "同意", written)).lines).received_at
    assert at == datetime(2026, 9, 10, 11, 30, tzinfo=SHANGHAI)


def test_a_time_that_cannot_be_read_is_no_time_and_noted() -> None:
    reading = ballots(("1栋0101", "苏伟", "同意", "上周五"), ("1栋0102", "刘洋", "同意", "2026-02-30 10:00"))
    assert [line.received_at for line in reading.lines] == [None, None]
    assert [found.kind for found in reading.noted] == ["time_unread", "time_unread"]


def test_the_same_ballot_pasted_twice_is_merged() -> None:
    line = ("1栋0101", "苏伟", "同意", "2026-09-10 11:30")
    reading = ballots(line, ("１栋１０１", " 苏 伟", "赞成", "2026/9/10 11:30"))
    assert len(reading.lines) == 1
    assert the(reading.merged).rows == (2, 3)


# ── files that are no use ──


def zipped(**parts: bytes) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


def with_part(data: bytes, name: str, part: bytes) -> bytes:
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return zipped(**{each: part if each == name else archive.read(each) for each in archive.namelist()})


def lying(data: bytes, name: str, part: bytes, declared: int) -> bytes:
    """An archive whose directory declares only the beginning of this part, with a checksum that fits."""
    archive = bytearray(with_part(data, name, part))
    for signature, sizes, names in ((b"PK\x03\x04", 22, 30), (b"PK\x01\x02", 24, 46)):
        at = archive.find(signature)
        while archive[at + names : at + names + len(name)] != name.encode():
            at = archive.find(signature, at + 1)
        struct.pack_into("<I", archive, at + sizes, declared)
        struct.pack_into("<I", archive, at + sizes - 8, zlib.crc32(part[:declared]))
    return bytes(archive)


SHEET = "xl/worksheets/sheet1.xml"
GOOD = workbook([HEADER, (1, "1栋0101", "苏伟", SU, 100)])
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 504


def blanks() -> bytes:
    return b"<worksheet>" + b" " * (200 * 1024 * 1024)


def refused(data: bytes, kind: type[Refused] = Invalid, read: Callable[..., object] = read_roster) -> str:
    with pytest.raises(kind) as refusal:
        read(data, filename="名册.xlsx")
    assert refusal.value.field == ("roster" if read is read_roster else "ballots")
    return refusal.value.sentence


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "是空的"),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "是 PDF"),
        ("房号,业主,面积\n1栋0101,苏伟,100\n".encode("gb18030"), "是文本（如 CSV）"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), "设了打开密码"),
        (OLE, "旧版 Excel（.xls）"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "不是 Excel 工作簿（.xlsx）"),
        (zipped(**{"word/document.xml": b"<w/>"}), "而是压缩包或其他格式的文件"),
        (GOOD[:-100], "不完整或已损坏"),
        (GOOD[: len(GOOD) // 2], "不完整或已损坏"),
        (with_part(GOOD, SHEET, b"<worksheet><sheetData><row"), "不完整或已损坏"),
        (with_part(GOOD, "xl/workbook.xml", b""), "不完整或已损坏"),
    ],
    ids=["empty", "pdf", "csv", "encrypted", "xls", "png", "docx", "cut", "half", "broken-xml", "no-book"],
)
def test_a_file_of_another_kind_is_turned_away_with_a_sentence(data: bytes, sentence: str) -> None:
    said = refused(data)
    assert said.startswith("业主名册文件“名册.xlsx”")
    assert sentence in said


def test_a_file_above_the_limit_is_too_large() -> None:
    with pytest.raises(TooLarge, match="超过 2 MB 的上限"):
        read_roster(GOOD.ljust(2_621_440, b"\0"), limit=2_097_152)


def test_a_small_file_that_unpacks_to_a_large_one_is_too_large() -> None:
    assert "展开后过大" in refused(with_part(GOOD, SHEET, blanks()), TooLarge)


def test_a_directory_that_lies_about_sizes_is_found_out() -> None:
    assert "已损坏" in refused(lying(GOOD, SHEET, blanks(), 1000))


def test_one_cell_in_the_last_corner_is_too_large() -> None:
    with zipfile.ZipFile(BytesIO(GOOD)) as archive:
        sheet = archive.read(SHEET)
    corner = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
    assert "展开后过大" in refused(with_part(GOOD, SHEET, sheet.replace(b"</sheetData>", corner)), TooLarge)


def test_one_long_text_in_very_many_cells_is_too_large() -> None:
    assert "展开后过大" in refused(workbook([("长" * 30_000,)] * 15_000), TooLarge)


def test_a_workbook_without_a_header_says_which_columns_it_wants() -> None:
    assert "要有一行写明“房号”、“业主姓名”、“专有部分面积”" in refused(workbook([("1栋0101", "苏伟", 100)]))
    rows = [("莲花苑业主名册",), ("房号", "业主姓名", "电话"), ("1栋0101", "苏伟", "")]
    assert "最像表头的是第2行，缺少“专有部分面积”。" in refused(workbook(rows))
    assert "“表决意见”" in refused((DATA / "lianhua_roster.xlsx").read_bytes(), read=read_ballots)


def test_an_empty_sheet_and_a_header_without_lines_are_turned_away() -> None:
    assert "没有任何内容" in refused(workbook([]))
    assert "表头之下没有任何单元" in refused(workbook([HEADER]))
    assert "一张票也没有" in refused(workbook([("房号", "表决意见")]), read=read_ballots)


@pytest.mark.parametrize("area", [-88.5, "-88.50㎡", "－88.5"])
def test_a_negative_area_is_turned_away(area: Any) -> None:
    said = refused(workbook([HEADER, (1, "1栋0101", "苏伟", SU, area)]))
    assert said == "业主名册第2行的面积是负数，请更正后再上传。"


# ── whose papers they are ──


def test_papers_of_another_estate_are_turned_away() -> None:
    reading = roster(("1栋0101", "苏伟", SU, 100), ("1栋0102", "刘洋", LIU, 90))
    assert reading.estate_name == "莲花苑"
    belongs_to(reading, "深圳市福田区莲花苑小区", ["1栋0101", "1栋0102"])
    belongs_to(reading, None, ["1栋0101"])  # half of them known
    with pytest.raises(Invalid, match="标题写的是“莲花苑”，不是“翠竹苑”"):
        belongs_to(reading, "翠竹苑", [])
    with pytest.raises(Invalid, match="2 个单元有 2 个不是本小区的（如“1栋0101”）"):
        belongs_to(reading, "莲花苑", ["8栋0101"])
    with pytest.raises(Invalid) as refusal:
        belongs_to(ballots(("9栋0101", "苏伟", "同意", "")), "莲花苑", ["1栋0101"])
    assert refusal.value.field == "ballots"


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("莲花苑小区业主名册", "莲花苑"), ("附件2：关于翠竹花园业主大会表决票统计表", "翠竹花园"), ("小区名称：鹏程一号 填报人：李四", "鹏程一号"),
        ("住宅区业主名册（样表）", None), ("业主大会会议表决票", None), ("填报单位：社区工作站　　面积单位：㎡", None), ("小区全体业主名册", None),
    ],
)  # fmt: skip
def test_a_title_names_the_estate_or_it_does_not(title: str, name: str | None) -> None:
    assert estate_named_in([title]) == name


def test_an_estate_has_longer_and_shorter_names() -> None:
    assert is_same_estate("莲花苑", "深圳市福田区“莲花苑”小区")
    assert not is_same_estate("莲花一村", "莲花二村")


def test_names_and_numbers_are_masked_on_screens() -> None:
    assert masked_name("苏伟、武建博") == "苏*、武**"
    assert masked_name("深圳市莲塘置业有限公司") == "深圳市莲塘置业有限公司"
    assert masked_id(SU) == "440*************99"
    assert masked_id("A123456") == "*******"
    assert masked_id(None) == ""
