"""Joint meetings of the trial office, and what they gave people to do: asked for, called, late, followed up, archived, refused."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy.orm import object_session
from sqlmodel import Session

from models.case import Case
from models.editions import calendar
from models.people import Desk
from models.territory import Estate

from . import Act, Story


def _in(day: date, case: Case, working_days: int) -> str:
    session = object_session(case)
    assert isinstance(session, Session)
    return calendar(session).add_working(day, working_days).isoformat()


def _notice(day: date, case: Case) -> Mapping[str, Any]:
    where = {"hour": "09:30", "room": "街道办事处三楼会议室", "chair": "街道办事处分管负责人"}
    return where | {"day": _in(day, case, 5)}


def _sheet(day: date, case: Case) -> Mapping[str, Any]:
    *came, last = case.details["invited"]
    lines = [{"body": name, "status": "present"} for name in came]
    return {"attendance": [*lines, {"body": last, "status": "leave", "opinion": "同意会议形成的意见"}]}


def _three(day: date, case: Case) -> Mapping[str, Any]:
    company, committee = str(case.applicant_id), str(case.committee_id)
    return {
        "summary": "会议听取了各方对地面停车和消防通道问题的意见，同意先清障、后划线。",
        "decisions": [
            {"task": "清理占用消防通道的车辆和杂物，设置隔离设施", "responsible": company, "due": _in(day, case, 6)},
            {"task": "征求业主意见，提出停车位划线方案", "responsible": committee, "due": _in(day, case, 12)},
            {"task": "更换损坏的道闸和监控设备", "responsible": company, "due": _in(day, case, 25)},
        ],
    }


def _one(day: date, case: Case) -> Mapping[str, Any]:
    task = {
        "task": "整改二次供水泵房，提交水质检测报告",
        "responsible": str(case.applicant_id),
        "due": _in(day, case, 15),
    }
    return {"summary": "会议同意由物业服务企业整改泵房，街道办事处跟踪水质检测。", "decisions": [task]}


def _with_market(day: date, case: Case) -> Mapping[str, Any]:
    """The residents' usual round, and who is responsible for the shops."""
    invited = ["社区党委", "业主委员会及业主代表", "物业服务企业", "福田区市场监督管理局莲花所"]
    return {**_notice(day, case), "invited": invited}


def _whistled(day: date, case: Case) -> Mapping[str, Any]:
    """What those who whistled and those who came agreed on."""
    session = object_session(case)
    assert isinstance(session, Session)
    company = session.get_one(Estate, case.estate_id).company_id
    return {
        "summary": "消防救援大队通报检查情况，物业服务企业说明整改安排，各方同意限期拆除并补装设施。",
        "decisions": [
            {
                "task": "拆除架空层违规充电设施，补装自动喷水灭火设施",
                "responsible": str(company),
                "due": _in(day, case, 15),
            },
            {"task": "现场指导整改并复查", "responsible": str(case.applicant_id), "due": _in(day, case, 20)},
        ],
    }


def _answer(result: str, proof: str) -> Mapping[str, Any]:
    return {"result": result, "proof": proof}


STORIES = [
    # 宝安: 企业吹哨、部门报到
    Story(
        "joint_meeting", "新安雅园", 15, "department",
        {"topic": "架空层电动自行车违规充电和消防设施缺失", "matter": "检查发现架空层私拉电线充电，责令改正后反复，需街道协调物业服务企业整改。"},
        (
            Act(14, Desk.STREET, "accept"),
            Act(12, Desk.STREET, "notify", _notice),
            Act(7, Desk.STREET, "hold", _sheet),
            Act(5, Desk.STREET, "minute", _whistled),
        ),
        working=True,
    ),
    Story(
        "joint_meeting", "彩田名苑", 6, "committee",
        {"topic": "底层商铺油烟扰民和占道经营", "matter": "业主多次投诉，物业服务企业劝阻无效。"},
        (Act(4, Desk.STREET, "accept"), Act(2, Desk.STREET, "notify", _with_market)),
        working=True,
    ),
    Story(
        "joint_meeting", "景田雅居", 2, "committee",
        {"topic": "地下车库充电桩的安装和用电增容", "matter": "业主、物业服务企业和供电单位对增容费用和安装位置意见不一。"},
        working=True,
    ),
    Story(
        "joint_meeting", "紫荆花园", 8, "company",
        {"topic": "外墙空调滴水和噪声纠纷", "matter": "多次上门协调未果，涉及城管、环保和居民委员会。"},
        (Act(6, Desk.STREET, "accept"), Act(3, Desk.STREET, "notify", _notice)),
        working=True,
    ),
    Story(
        "joint_meeting", "香蜜新居", 16, "residents_committee",
        {"topic": "物业服务企业退出后的垃圾清运衔接"},
        (
            Act(14, Desk.STREET, "accept"),
            Act(12, Desk.STREET, "notify", _notice),
            Act(7, Desk.STREET, "hold", _sheet),
        ),
        working=True,
    ),
    Story(
        "joint_meeting", "彩田名苑", 30, "company",
        {"topic": "消防通道占用和地面停车", "matter": "消防车不能进入东侧通道，业主委员会与物业服务企业对车位划线意见不一。"},
        (
            Act(28, Desk.STREET, "accept"),
            Act(26, Desk.STREET, "notify", _notice),
            Act(21, Desk.STREET, "hold", _sheet),
            Act(19, Desk.STREET, "minute", _three),
            Act(15, Desk.APPLICANT, "feedback", _answer("通道已经清理，隔离桩已经安装", "整改前后照片8张"), ("action", 0)),
            Act(13, Desk.STREET, "close_out", {"opinion": "现场核验属实"}, ("action", 0)),
            Act(8, Desk.APPLICANT, "feedback", _answer("方案已经拟定", "方案草稿1份"), ("action", 1)),
            Act(
                6, Desk.STREET, "send_back",
                lambda day, case: {"reason": "没有征求业主意见的记录", "due": _in(day, case, 12)}, ("action", 1),
            ),
        ),
        working=True,
    ),
    Story(
        "joint_meeting", "梅林翠苑", 48, "company",
        {"topic": "二次供水泵房整改"},
        (
            Act(46, Desk.STREET, "accept"),
            Act(44, Desk.STREET, "notify", _notice),
            Act(39, Desk.STREET, "hold", _sheet),
            Act(36, Desk.STREET, "minute", _one),
            Act(25, Desk.APPLICANT, "feedback", _answer("泵房已经整改，水质检测合格", "水质检测报告1份"), ("action", 0)),
            Act(23, Desk.STREET, "close_out", {}, ("action", 0)),
            Act(20, Desk.STREET, "archive"),
        ),
        working=True,
    ),
    Story(
        "joint_meeting", "莲塘居", 12, "residents_committee",
        {"topic": "两户业主的装修押金纠纷"},
        (Act(9, Desk.STREET, "refuse", {"reason": "属于两户业主与物业服务企业之间的合同纠纷，不需要多个单位协调；可以申请人民调解。"}),),
        working=True,
    ),
]  # fmt: skip
