"""The registry of case types: whatever files lie in this folder (and in the folders of `BANJIE_CASETYPES`)."""

from ..standing import STANDING
from .base import CaseType, Stage, casetype, casetypes

__all__ = ["STANDING", "CaseType", "Stage", "casetype", "casetypes"]
