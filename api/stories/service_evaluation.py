"""物业服务评价 in the sample office: findings at several stages, two of them entered, and the summary of the year before."""

from datetime import date, timedelta
from typing import Any

from models.case import Case
from models.people import Desk

from . import Act, Stated, Story

BASIS = "计分标准文本第三章（试填，待核）"


def _found(matter: str, item: str, manager: str) -> Stated:
    """Something that happened two days before the case was opened."""

    def stated(day: date, case: Case | None) -> dict[str, Any]:
        happened = (day - timedelta(days=2)).isoformat()
        return {"matter": matter, "item": item, "manager": manager, "happened_on": happened}

    return stated


def _year_before(day: date, case: Case | None) -> dict[str, Any]:
    return {"matter": f"{day.year - 1}年度汇总", "kind": "annual", "year": day.year - 1}


def _report(ago: int) -> Act:
    return Act(ago, Desk.STREET, "report", {"evidence": ["现场照片6张", "巡查记录"]})


def _verify(ago: int, findings: str, points: str) -> Act:
    return Act(ago, Desk.DISTRICT, "verify", {"findings": findings, "points": points, "basis": BASIS})


STORIES = [
    Story(
        "service_evaluation", "彩田名苑", 62, "company", _found("天台漏水报修后两天未采取防范措施", "D01", "何志远"),
        (
            _report(60), _verify(54, "接报后至次日未设置围挡，也未派人值守。", "3"), Act(53, Desk.APPLICANT, "agree"),
            Act(51, Desk.DISTRICT, "register"),
        ),
    ),
    Story(
        "service_evaluation", "梅林翠苑", 34, "company", _found("台风期间组织业主转移车辆，无一受损", "A99", "范敏"),
        (
            _report(32), _verify(28, "属实，有社区工作站书面说明。", "1.5"), Act(27, Desk.APPLICANT, "agree"),
            Act(26, Desk.DISTRICT, "register"),
        ),
    ),
    Story(
        "service_evaluation", "紫荆花园", 12, "company", _found("投诉电梯困人后四十分钟未到场", "D03", "范敏"),
        (
            _report(10), _verify(4, "监控显示到场用时43分钟。", "2"),
            Act(3, Desk.APPLICANT, "dispute", {"reason": "当日暴雨封路，已电话安抚被困人员。", "evidence": ["通话记录"]}),
            Act(1, Desk.STREET, "reply", {"agrees": True, "reply": "到场时间与监控一致，封路情况待区局认定。"}),
        ),
    ),
    Story(
        "service_evaluation", "香蜜新居", 9, "company", _found("消防通道长期堆物，三次催告未清理", "D99", "范敏"),
        (_report(7), _verify(3, "三次催告均有送达记录，现场仍有堆物。", "2")),
    ),
    Story("service_evaluation", "后海雅苑", 1, "company", _found("前期档案拒不移交", "D02", "戴宁")),
    Story(
        "service_evaluation", "莲塘居", 48, "company", _year_before,
        (
            _report(46), Act(44, Desk.DISTRICT, "sum_up"), Act(22, Desk.DISTRICT, "publish_score"),
        ),
    ),
]  # fmt: skip
