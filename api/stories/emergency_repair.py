"""应急维修: one for each way it can go, from a plan that is waited for to the published account."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import Any

from models.case import Case
from models.people import Desk

from . import Act, Story

CONSULTANT = "深圳衡信造价咨询有限公司"


def _plan(budget: str, days: int, **stated: Any) -> Callable[[date, Case | None], Mapping[str, Any]]:
    """A plan whose works are to be finished so many days after its day."""

    def told(day: date, case: Case | None) -> Mapping[str, Any]:
        return {
            "budget": budget, "scope": "1栋", "allocation": "按专有部分建筑面积分摊", "warranty_expired": True,
            "finish_by": (day + timedelta(days=days)).isoformat(), **stated,
        }  # fmt: skip

    return told


def _paid(day: date, case: Case | None) -> Mapping[str, Any]:
    return {"paid_on": day.isoformat(), "receipt": f"{day:%Y%m%d}0317"}


def _order(day: date, case: Case | None) -> Mapping[str, Any]:
    return {
        "demand": "立即围蔽坠落半径，组织专业单位凿除松动饰面砖。",
        "order_by": (day + timedelta(days=20)).isoformat(),
    }


STORIES = [
    # below 20,000.00: written off without a review of its cost, published, over
    Story(
        "emergency_repair", "彩田名苑", 47, "company", {"situation": "E1", "works": "2栋天台渗漏，顶层电井进水", "account": "暴雨后巡查发现"},
        (
            Act(47, Desk.APPLICANT, "secure", {"measures": "关闭电井电源，覆盖防水布，张贴告示。"}),
            Act(47, Desk.COMMITTEE, "confirm", {"opinion": "天台防水层破裂，雨水进入电井，属应急。"}),
            Act(47, Desk.APPLICANT, "plan", _plan("18600", 25, items=["天台防水层修补", "电井除湿检测"], payee="深圳恒固建筑防水有限公司")),
            Act(47, Desk.COMMITTEE, "agree", {"opinion": "同意，尽快施工。"}),
            Act(40, Desk.APPLICANT, "finished"),
            Act(40, Desk.COMMITTEE, "passed", {"opinion": "蓄水试验合格。"}),
            Act(39, Desk.APPLICANT, "apply", {"settlement": "17850.50"}),
            Act(37, Desk.DISTRICT, "write_off"),
            Act(36, Desk.CITY, "paid", _paid),
            Act(35, Desk.APPLICANT, "publish", {"places": ["小区公告栏", "2栋大堂"]}),
        ),
    ),
    # from 100,000.00: half of the budget is paid, the works go on
    Story(
        "emergency_repair", "景田雅居", 24, "committee", {"situation": "E2", "works": "1栋2号电梯冲顶，曳引机抢修"},
        (
            Act(24, Desk.APPLICANT, "secure", {"measures": "停梯并切断电源，各层张贴停用告示。"}),
            Act(24, Desk.COMMITTEE, "confirm", {"opinion": "制动失效，随时危及乘梯安全，属应急。"}),
            Act(24, Desk.APPLICANT, "plan", _plan("168000", 60, items=["更换曳引机", "更换钢丝绳"], payee="深圳安捷电梯工程有限公司", cost_reviewer=CONSULTANT)),
            Act(24, Desk.COMMITTEE, "agree", {"opinion": "同意方案。"}),
            Act(23, Desk.STREET, "endorse", {"opinion": "险情属实，方案要素齐全。"}),
            Act(22, Desk.APPLICANT, "submit", {"entry": "WXZJ-0231"}),
            Act(20, Desk.DISTRICT, "approve", {"amount": "84000"}),
            Act(19, Desk.CITY, "paid", _paid),
        ),
    ),
    # no emergency: a linked request for daily use
    Story(
        "emergency_repair", "梅林翠苑", 13, "company", {"situation": "E4", "works": "2栋外墙饰面砖色差、局部污渍"},
        (
            Act(13, Desk.APPLICANT, "secure", {"measures": "外墙下方设置警示带。"}),
            Act(13, Desk.COMMITTEE, "doubt", {"opinion": "敲击检查没有空鼓，不像有脱落危险。"}),
            Act(13, Desk.STREET, "not_emergency", {"reason": "经现场查看，饰面砖仅有色差，不存在脱落危险。", "budget": "76000"}),
        ),
    ),
    # between: the district looks at what is asked for
    Story(
        "emergency_repair", "后海雅苑", 16, "company", {"situation": "E3", "works": "地下室消防主泵不能启动"},
        (
            Act(16, Desk.APPLICANT, "secure", {"measures": "启用备用泵，安排专人值守消防控制室。"}),
            Act(16, Desk.COMMITTEE, "confirm", {"opinion": "消防主泵电机烧毁，属应急。"}),
            Act(16, Desk.APPLICANT, "plan", _plan("48600", 25, items=["更换消防主泵电机"], payee="深圳明泰机电安装有限公司")),
            Act(16, Desk.COMMITTEE, "agree", {"opinion": "同意。"}),
            Act(2, Desk.APPLICANT, "finished"),
            Act(2, Desk.COMMITTEE, "passed", {"opinion": "联动试验合格。"}),
            Act(1, Desk.APPLICANT, "apply", {"settlement": "46300", "reviewer": CONSULTANT}),
        ),
    ),
    # no committee: owners reported it, the residents' committee gave its opinion, the plan is waited for
    Story(
        "emergency_repair", "丽城小筑", 1, "owners", {"situation": "E1", "works": "1栋东侧外墙渗漏，楼道配电箱受潮"},
        (
            Act(1, Desk.APPLICANT, "secure", {"measures": "楼道断电，配电箱加罩，安排应急照明。"}),
            Act(1, Desk.COMMITTEE, "confirm", {"opinion": "外墙渗漏已危及楼道用电安全，属应急。"}),
        ),
    ),
    # the company did not act: the street orders it to
    Story(
        "emergency_repair", "香蜜新居", 15, "owners", {"situation": "E4", "works": "1栋西侧外墙饰面砖松动，已有坠落"},
        (Act(4, Desk.STREET, "order", _order),),
    ),
]  # fmt: skip
