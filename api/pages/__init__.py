"""Web pages: what a person sees and presses. The same verbs as the JSON API, rendered in Chinese."""

from fastapi import APIRouter, Depends

from . import (
    attachments,
    cases,
    dashboard,
    desk,
    estates,
    evaluations,
    health,
    jobs,
    messages,
    people,
    proposals,
    reference,
    signin,
    voting,
)
from .render import office

router = APIRouter(include_in_schema=False, dependencies=[Depends(office)])
for part in (
    signin,
    desk,
    messages,
    cases,
    attachments,
    estates,
    evaluations,
    dashboard,
    health,
    people,
    reference,
    proposals,
    jobs,
    voting,
):
    router.include_router(part.router)
