"""Web pages: what a person sees and presses. The same verbs as the JSON API, rendered in Chinese."""

import importlib
import pkgutil

from fastapi import APIRouter, Depends

from .render import office

router = APIRouter(include_in_schema=False, dependencies=[Depends(office)])
for found in pkgutil.iter_modules(__path__):
    part = importlib.import_module(f"{__name__}.{found.name}")
    if hasattr(part, "router"):
        router.include_router(part.router)
