"""The inspector on the full-size granule: opening, clicking, and how long the window is ever held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Optional

from bench import Bench, attempt
from figures import Figure, NotMeasured, Row
from peers import ask_ours
from programs.measuring import quantile

from . import job

_MEDIAN_SECONDS, _P95_SECONDS, _HELD_SECONDS, _PREVIEW_SECONDS = 0.100, 0.200, 0.050, 1.0
_CLICK = "click to the painted plot, MASK used, scored with SAM"


@job("inspector", order=6)
def inspector(bench: Bench) -> Iterator[Row]:
    """200 clicks, each waited for; then 50 in one second, none waited for."""
    told = attempt(lambda: _ask(bench))
    yield Row("open to the preview on the map (stride 4)", _figure(told, "preview"), _PREVIEW_SECONDS)
    yield Row(_CLICK, told if isinstance(told, str) else Figure.of(told["seconds"]), _MEDIAN_SECONDS)
    yield Row("the same, 95 % of them within", _figure(told, "seconds", 0.95), _P95_SECONDS)
    for title, name in (("while clicking", "held_clicking"), ("by 50 clicks in a second", "held_burst"),
                        ("while opening and drawing the picture", "held_opening")):
        yield Row(f"longest hold of the window {title}", _figure(told, name), _HELD_SECONDS)
    if not isinstance(told, str):
        bench.notes.append("50 clicks in a second end in the picture of the last one alone: "
                           + ("yes" if told["consistent"] else "NO"))
        bench.notes.extend(f"the inspector said: {said}" for said in told["said"])


def _ask(bench: Bench) -> dict[str, Any]:
    places = [bench.first_click, *bench.next_clicks]
    question = {"path": str(bench.files.reflectance), "reference": bench.reference.id, "places": places}
    try:
        import qgis.core  # noqa: F401
    except ImportError:
        raise NotMeasured("this interpreter has no QGIS") from None
    return ask_ours("inspector_clicks", question)


def _figure(told: Any, name: str, fraction: Optional[float] = None) -> Any:
    """A single number, or a quantile of several."""
    if isinstance(told, str):
        return told
    return Figure.of([told[name] if fraction is None else quantile(told[name], fraction)])
