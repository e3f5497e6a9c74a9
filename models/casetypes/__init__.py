"""The registry of case types: whatever files lie in this folder (and in the folders of `BANJIE_CASETYPES`)."""

from .base import CaseType, Stage, casetype, casetypes

__all__ = ["CaseType", "Stage", "casetype", "casetypes"]
