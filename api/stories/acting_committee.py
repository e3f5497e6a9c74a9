"""居代业 in the sample office: asked for, before the public, turned down, and in office in the estate that has no committee."""

from datetime import date, timedelta
from typing import Any

from models.case import Case
from models.people import Desk

from . import Act, Stated, Story


def _failed(matter: str, kind: str, evidence: str, document: str) -> Stated:
    """Grounds whose failure lies two months before the case."""

    def stated(day: date, case: Case | None) -> dict[str, Any]:
        return {
            "matter": matter, "kind": kind, "matter_evidence": evidence, "failure_document": document,
            "failed_on": (day - timedelta(days=60)).isoformat(),
        }  # fmt: skip

    return stated


def _half_a_year(day: date, case: Case | None) -> dict[str, Any]:
    return {
        "scope": ["decisions", "account", "fund"],
        "until": (day + timedelta(days=183)).isoformat(),
        "opinions": "公示期间收到意见2条，要求公开检测报告，已予采纳。",
    }


STORIES = [
    Story(
        "acting_committee", "丽城小筑", 75, "street_office",
        _failed("消防水泵无法启动，全楼消防设施失效", "public_safety", "南山消防检查记录〔2026〕第211号", "首次业主大会筹备未成情况说明"),
        (
            Act(74, Desk.STREET, "establish", {"places": ["小区公告栏", "1栋大堂"]}),
            Act(71, Desk.RESIDENTS, "object", {"words": "请公开消防设施检测报告。", "name": "韩秋", "unit": "1栋0603"}),
            Act(70, Desk.RESIDENTS, "answer_objection", {"answer": "检测报告已在小区公告栏公布。", "upheld": True}),
            Act(63, Desk.STREET, "designate", _half_a_year),
            Act(20, Desk.STREET, "oppose", {"units": ["1栋0101", "1栋0202", "1栋0403"], "evidence": "联名书登记表第1号"}),
        ),
    ),
    Story(
        "acting_committee", "香蜜新居", 6, "street_office",
        _failed("外墙饰面砖大面积空鼓，有脱落危险", "public_safety", "房屋安全鉴定报告", "业主委员会换届未成情况说明"),
        (Act(4, Desk.STREET, "establish", {"places": ["小区公告栏"]}),),
    ),
    Story(
        "acting_committee", "彩田名苑", 1, "residents_committee",
        _failed("物业服务合同到期无人续聘，秩序维护人员即将撤离", "management_order", "物业服务企业撤场函", "业主委员会换届未成情况说明"),
    ),
    Story(
        "acting_committee", "莲塘居", 24, "residents_committee",
        {"matter": "小区绿化养护标准争议"},
        (Act(21, Desk.STREET, "decline", {"reason": "不属于可能影响公共安全或者物业管理秩序的紧急、重大事项。"}),),
    ),
]  # fmt: skip
