"""How days and due instants are said in Chinese, on screens and in messages."""

from datetime import date, datetime, timedelta

from .worktime import OFFICE_ZONE, WorkCalendar

WEEKDAYS = "一二三四五六日"


def day_of(value: date | datetime | str) -> date:
    """An instant is taken in the office's zone, a text as an ISO day."""
    if isinstance(value, str):
        return date.fromisoformat(value[:10])
    return value.astimezone(OFFICE_ZONE).date() if isinstance(value, datetime) else value


def day(value: date | datetime | str) -> str:
    """`2026年10月13日`."""
    value = day_of(value)
    return f"{value.year}年{value.month}月{value.day}日"


def short_day(value: date | datetime | str) -> str:
    """`10月13日 周二`."""
    value = day_of(value)
    return f"{value.month}月{value.day}日 周{WEEKDAYS[value.weekday()]}"


def instant(value: datetime) -> str:
    """`2026年10月13日 09:00`."""
    return f"{day(value)} {value.astimezone(OFFICE_ZONE):%H:%M}"


def short_instant(value: datetime) -> str:
    """`10月13日 09:00`."""
    value = value.astimezone(OFFICE_ZONE)
    return f"{value.month}月{value.day}日 {value:%H:%M}"


def last_day(due_at: datetime) -> date:
    """The day that ends at a due instant: `2026-10-14T00:00` → 13 October."""
    return (due_at - timedelta.resolution).astimezone(OFFICE_ZONE).date()


def left(due_at: datetime, at: datetime, book: WorkCalendar, *, in_days: bool = False) -> str:
    """How far away a due instant is: `还剩2个工作日`, `今天到期`, `逾期1个工作日`; a period's end `in_days`."""
    today, due_day = at.astimezone(OFFICE_ZONE).date(), last_day(due_at)
    days = book.working_between(today, due_day)
    if due_at <= at:
        return f"逾期{-days}个工作日" if days < 0 else "已逾期"
    if due_day == today:
        return "今天到期"
    if in_days or not days:
        return f"还剩{(due_day - today).days}日"
    return f"还剩{days}个工作日"
