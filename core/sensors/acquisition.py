"""When a scene was acquired, as the headers and attributes of any sensor write it."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Optional

_FORMS = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%S", "%Y%m%dT%H%M%S")


def time_of(text: object) -> Optional[datetime]:
    """A time attribute such as 2023-03-16T04:51:33+0000 as UTC; None where it is none."""
    value = str(text).strip()
    for form in _FORMS:
        try:
            moment = datetime.strptime(value.replace("Z", "+0000") if "%z" in form else value.rstrip("Z"), form)
        except ValueError:
            continue
        return moment.astimezone(timezone.utc) if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return None
