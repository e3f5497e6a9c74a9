"""许可: a licence by the book (行政许可法 Arts. 32, 42, 45), with every kind of clock that the shipped types do without."""

from pydantic import BaseModel, Field
from statemachine import Event

from models.casetypes.base import CaseType, Line, Paper, Reopening, Stage
from models.people import Desk


class Licence(CaseType):
    """许可: received, reviewed, granted; silence at the window is acceptance."""

    title = "许可"
    prefix = "XK"
    case_deadline = "licence.whole"
    reopening = Reopening("review", limit="continued")

    class Details(BaseModel):
        works: Line = Field(default="临时占道", title="事项")
        budget: int = Field(default=0, title="金额（元）")

    intake = Stage("受理", desk=Desk.STREET, deadline="licence.intake", initial=True)
    review = Stage(
        "审查", desk=Desk.DISTRICT, deadline="licence.review", pause="licence.pause", extension="licence.extension"
    )
    inspection = Stage("现场核查", desk=Desk.STREET, deadline="licence.inspection")
    granted = Stage("准予", final=True)

    accept = Event(intake.to(review), name="受理")
    deem_accepted = Event(intake.to(review), name="视为受理")
    send_inspectors = Event(review.to(inspection), name="派员核查")
    inspected = Event(inspection.to(review), name="核查完毕")
    grant = Event(review.to(granted), name="准予许可")

    may = {
        Desk.STREET: {"accept", "inspected"},
        Desk.DISTRICT: {"send_inspectors", "grant"},
        Desk.SYSTEM: {"deem_accepted"},
    }
    paper = {
        "accept": Paper("licence_notice"),
        "deem_accepted": Paper("licence_notice"),
        "grant": Paper("licence_notice"),
    }
    outcomes = {"grant": "准予"}
