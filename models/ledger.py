"""The hash chain of a case's events. Pure.

`facts_hash = sha256(salt ‖ canonical(facts, note))` and
`hash = sha256(prev_hash ‖ canonical(case, seq, name, stages, by, on behalf of, at, recorded_at) ‖ facts_hash)`:
what was said can be erased by law (facts, note and salt go, the hash stays) without breaking the chain.
"""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any

GENESIS = "0" * 64
_AS_IT_IS = {str, int, bool, type(None)}
_SPELL = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode


def canonical(*values: Any) -> bytes:
    """One spelling for one content: sorted keys, no spaces, instants in UTC to the microsecond. Floats are refused."""
    return _SPELL([_plain(value) for value in values]).encode()


def _plain(value: Any) -> Any:
    if type(value) in _AS_IT_IS:
        return value
    if isinstance(value, float):
        raise TypeError("floats do not survive JSONB and may not be hashed")
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def facts_hash(salt: str, facts: Any, note: str | None) -> str:
    return hashlib.sha256(salt.encode() + canonical(facts, note)).hexdigest()


def event_hash(prev_hash: str, identity: tuple[Any, ...], hashed_facts: str) -> str:
    return hashlib.sha256(prev_hash.encode() + canonical(*identity) + hashed_facts.encode()).hexdigest()
