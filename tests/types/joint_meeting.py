"""联席会议, as little of it as a late case needs: it is convened, and it ends."""

from pydantic import BaseModel
from statemachine import Event

from models.casetypes.base import CaseType, Paper, Stage
from models.people import Desk


class JointMeeting(CaseType):
    """联席会议: convened by the office of its area's level."""

    title = "联席会议"
    prefix = "LX"

    class Details(BaseModel):
        pass

    convening = Stage("召集", desk=Desk.STREET, deadline="meeting.convene", initial=True)
    held = Stage("结束", final=True)

    hold = Event(convening.to(held), name="开会")

    may = {Desk.STREET: {"hold"}}
    paper = {"hold": Paper("meeting_minutes")}
    outcomes = {"hold": "已开"}
