"""Files that are no use: each is turned away with a sentence that says why and a field that says which, and changes nothing."""

from typing import Any

import pytest

from models.settings import settings

from .door import Door
from .papers import BALLOTS, DATA, ENCRYPTED, ROSTER, ballots, bomb, roster, upload, workbook

LINES = [(f"1栋{n:04}", owner, "", 100) for n, owner in enumerate(("苏伟", "袁玉佳", "唐欣子"), 101)]
ELSEWHERE = [(f"9栋{n:04}", owner, "", 100) for n, owner in enumerate(("甲", "乙", "丙"), 101)]
DOCX = b"PK\x03\x04" + b"[Content_Types].xml" + b"word/document.xml"

BAD = {
    "a text": ((DATA / "README.md").read_bytes(), 422, "是文本（如 CSV），不是 Excel 工作簿"),
    "a PDF": (b"%PDF-1.7 ...", 422, "是 PDF，不是 Excel 工作簿"),
    "an old workbook": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, 422, "旧版 Excel"),
    "an encrypted workbook": (ENCRYPTED, 422, "设了打开密码"),
    "a truncated workbook": (ROSTER[: len(ROSTER) // 2], 422, "不完整或已损坏"),
    "nothing": (b"", 422, "是空的（0 字节）"),
    "an archive": (DOCX, 422, "不完整或已损坏"),
    "a bomb": (bomb(), 413, "展开后过大"),
    "an empty sheet": (workbook([]), 422, "没有任何内容"),
    "a sheet of something else": (workbook([("品名", "数量"), ("螺丝", 3)]), 422, "没有找到表头"),
}


@pytest.fixture(scope="module")
def kept(shared_door: Door) -> tuple[Door, int, int]:
    """An estate with a roster of three units, and a decision whose ballots are in."""
    agent, estate = shared_door.as_("agent"), shared_door.writes(lambda session, cast: cast.estate.id)
    assert upload(agent, f"/api/estates/{estate}/roster", roster(*LINES)).status_code == 201
    decision = agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修3栋电梯"}).json()["id"]
    papers = ballots(*((unit, "", "同意") for unit, *_ in LINES))
    assert upload(agent, f"/api/decisions/{decision}/ballots", papers).status_code == 201
    return shared_door, estate, decision


def refused(answer: Any, status: int, field: str | None, sentence: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field and sentence in answer.json()["detail"], answer.text
    assert answer.json()["detail"].endswith("。")


@pytest.mark.parametrize("what", BAD)
def test_a_bad_roster_leaves_the_old_one(kept: tuple[Door, int, int], what: str) -> None:
    door, estate, _ = kept
    data, status, sentence = BAD[what]
    agent, browser = door.as_("agent"), door.signed_in("agent")
    before = agent.get(f"/api/estates/{estate}").json()
    refused(upload(agent, f"/api/estates/{estate}/roster", data), status, "roster", sentence)
    shown = browser.post(f"/estates/{estate}/roster", files={"roster": ("表.xlsx", data)})
    assert shown.status_code == status and sentence in shown.text and 'aria-invalid="true"' in shown.text
    assert agent.get(f"/api/estates/{estate}").json() == before


@pytest.mark.parametrize("what", BAD)
def test_bad_ballots_leave_the_old_count(kept: tuple[Door, int, int], what: str) -> None:
    door, _, decision = kept
    data, status, sentence = BAD[what]
    agent, browser = door.as_("agent"), door.signed_in("agent")
    before = agent.get(f"/api/decisions/{decision}").json()
    refused(upload(agent, f"/api/decisions/{decision}/ballots", data), status, "ballots", sentence)
    shown = browser.post(f"/decisions/{decision}/ballots", files={"ballots": ("表.xlsx", data)})
    assert shown.status_code == status and sentence in shown.text
    assert agent.get(f"/api/decisions/{decision}").json() == before


@pytest.mark.parametrize(
    ("papers", "sentence"),
    [
        (roster(*LINES, title="香蜜新居业主名册"), "标题写的是“香蜜新居”，不是“莲花北村”"),
        (roster(*ELSEWHERE), "3 个单元有 3 个不是本小区的"),
        (roster(("1栋0101", "苏伟", "", -5)), "面积是负数"),
        (roster(), "没有任何单元"),
    ],
)
def test_a_roster_of_another_estate_leaves_the_old_one(
    kept: tuple[Door, int, int], papers: bytes, sentence: str
) -> None:
    door, estate, _ = kept
    agent = door.as_("agent")
    before = agent.get(f"/api/estates/{estate}").json()
    refused(upload(agent, f"/api/estates/{estate}/roster", papers), 422, "roster", sentence)
    assert agent.get(f"/api/estates/{estate}").json() == before


@pytest.mark.parametrize(
    ("papers", "sentence"),
    [
        (ballots(*((unit, "", "同意") for unit, *_ in ELSEWHERE)), "3 个单元有 3 个不是本小区的"),
        (ballots(("1栋0101", "", "同意"), title="香蜜新居业主大会表决票"), "标题写的是“香蜜新居”"),
        (ballots(*((unit, "王五", "同意") for unit, *_ in LINES)), "3 张表决票有 3 张的业主与名册不符"),
        (BALLOTS, "不是本小区的"),
        (ballots(), "一张票也没有"),
    ],
)
def test_ballots_of_another_estate_leave_the_old_count(
    kept: tuple[Door, int, int], papers: bytes, sentence: str
) -> None:
    door, _, decision = kept
    agent = door.as_("agent")
    before = agent.get(f"/api/decisions/{decision}").json()
    refused(upload(agent, f"/api/decisions/{decision}/ballots", papers), 422, "ballots", sentence)
    assert agent.get(f"/api/decisions/{decision}").json() == before


def test_no_file_at_all_names_the_field(kept: tuple[Door, int, int]) -> None:
    door, estate, _ = kept
    refused(door.as_("agent").post(f"/api/estates/{estate}/roster"), 422, "file", "必填")
    shown = door.signed_in("agent").post(f"/estates/{estate}/roster", data={"renumbered": "true"})
    assert shown.status_code == 422 and "请选择文件" in shown.text


def test_ballots_for_a_decision_without_a_roster(door: Door) -> None:
    agent, estate = door.as_("agent"), door.writes(lambda session, cast: cast.estate.id)
    decision = agent.post(f"/api/estates/{estate}/decisions", json={"title": "大修"}).json()["id"]
    refused(upload(agent, f"/api/decisions/{decision}/ballots", BALLOTS), 409, "roster", "请先导入名册")


def test_an_upload_that_is_too_big_is_turned_away_before_it_is_read(kept: tuple[Door, int, int]) -> None:
    door, estate, decision = kept
    agent, limit = door.as_("agent"), settings().upload_limit
    before = agent.get(f"/api/estates/{estate}").json()
    # by far, so that nothing is read; then by a hair, so that the form is read and the file measured
    refused(upload(agent, f"/api/estates/{estate}/roster", b"PK" * limit), 413, "body", "10 MB")
    large = ROSTER + b"\0" * (limit + 1 - len(ROSTER))
    refused(upload(agent, f"/api/estates/{estate}/roster", large), 413, "roster", "超过 10 MB 的上限")
    refused(upload(agent, f"/api/decisions/{decision}/ballots", large), 413, "ballots", "超过 10 MB 的上限")
    shown = door.signed_in("agent").post(f"/estates/{estate}/roster", files={"roster": ("表.xlsx", large)})
    assert shown.status_code == 413 and "超过 10 MB 的上限" in shown.text
    assert agent.get(f"/api/estates/{estate}").json() == before


# --- materials ---

PNG = b"\x89PNG\r\n\x1a\n" + b"..."


@pytest.mark.parametrize(
    ("data", "need", "status", "field", "sentence"),
    [
        (b"", "现场照片", 422, "file", "0 字节"),
        (b"<html><script>alert(1)</script></html>", "现场照片", 422, "file", "按文件内容识别"),
        (b"MZ\x90\0", "现场照片", 422, "file", "按文件内容识别"),
        (b"GIF89a", "现场照片", 422, "file", "按文件内容识别"),
        (b"PK\x03\x04[Content_Types].xml word/document.xml word/vbaProject.bin", "现场照片", 422, "file", "带有宏"),
        (ENCRYPTED, "现场照片", 422, "file", "设了密码"),
        (b"%PDF-" + b"\0" * (10 * 1024 * 1024), "现场照片", 413, "file", "超过 10 MB"),
        (PNG, "房屋权属信息", 422, "need", "通过数据共享取得，不需要提交"),
        (PNG, "业主名册", 422, "need", "在小区页面导入名册"),
        (PNG, "月球证明", 422, "need", "没有“月球证明”这项材料"),
    ],
)
def test_a_material_that_cannot_be_taken_leaves_no_line_in_the_ledger(
    kept: tuple[Door, int, int], data: bytes, need: str, status: int, field: str, sentence: str
) -> None:
    door, *_ = kept
    number = door.writes(lambda session, cast: cast.opens("2026-10-12 08:30").number)
    answer = upload(door.as_("agent"), f"/api/cases/{number}/attachments", data, "照片.jpg", data={"need": need})
    refused(answer, status, field, sentence)
    assert door.case(number).last_seq == 1
    assert door.as_("agent").get(f"/api/cases/{number}/attachments").json()["items"] == []


@pytest.mark.parametrize(
    ("data", "media_type", "suffix"),
    [
        (b"%PDF-1.7", "application/pdf", ".pdf"),
        (PNG, "image/png", ".png"),
        (b"\xff\xd8\xff\xe1", "image/jpeg", ".jpg"),
        (DOCX, "application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx"),
        (ROSTER, "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", ".xlsx"),
    ],
)
@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\照片\\a\r\nSet-Cookie: x", "\u202ecod.exe", "...", "长" * 300]
)
def test_whatever_a_file_is_called_its_content_says_what_it_is(
    kept: tuple[Door, int, int], data: bytes, media_type: str, suffix: str, name: str
) -> None:
    door, *_ = kept
    number = door.writes(lambda session, cast: cast.opens("2026-10-12 08:30").number)
    held = upload(door.as_("agent"), f"/api/cases/{number}/attachments", data, name).json()
    assert held["media_type"] == media_type and held["filename"].endswith(suffix) and len(held["filename"]) < 110
    assert not set(held["filename"]) & set("/\\\r\n\u202e") and not held["filename"].startswith(".")
    given = door.as_("agent").get(held["href"])
    assert given.content == data and given.headers["content-type"].startswith(media_type)
