"""The tables of a vetting: candidates by score, what other scenes say, and single pixels."""

from __future__ import annotations

import numpy as np

from ..results import RESULT_SCHEMA, Column, ResultTable

_IN_A_SCENE = (
    Column("scene_id", "text", "name of the granule; empty where none covers the candidate"),
    Column("datetime", "datetime64[ns, UTC]", "start of its acquisition, UTC"),
    Column("score", "float64", "mean of the scores of the valid pixels, in the unit and direction of the metric"),
    Column("score_best", "float64", "best of these scores"),
    Column("score_std", "float64", "their standard deviation (n - 1); null below two"),
    Column("sigma", "float64", "1 sigma of score by the uncertainty of the spectra (RFLUNCERT); null without it"),
    Column("background_percentile", "float64", "percentage of the ring of valid pixels around it that match worse"),
    Column("column_percentile", "float64", "the same among half as many pixels of its detector columns"),
    Column("n_pixels", "int32", "raw pixels of the candidate"),
    Column("n_valid", "int32", "pixels with at least one usable band"),
    Column("masked", "text", "JSON, reason -> number of unusable pixels"),
    Column("n_background", "int32", "valid pixels of the ring that the percentile rests on"),
    Column("best_other", "text", "bundled reference, other than the one asked for, that its mean looks most like"),
    Column("margin", "float64", "spectral angle to best_other less that to the reference, rad: negative where "
                                "best_other is nearer"),
    Column("reference_id", "text", "id of the reference spectrum"),
    Column("metric", "text", "name of the metric"),
    Column("mask_id", "text", "normalised text of the mask"),
    Column("reason", "text", "why there is no score or no verdict; empty where there is one"),
    Column("warnings", "text", "what else to know of it"),
)

CANDIDATE_SCHEMA: tuple[Column, ...] = (
    Column("candidate_id", "text", "id of the candidate"),
    Column("rank", "Int32", "1 is the best score; null without a score"),
    Column("verdict", "text", "accept, doubtful or reject by background_percentile; none with a reason"),
    Column("human_verdict", "text", "what a person says: accept, doubtful or reject; empty until then"),
    Column("note", "text", "a person's remark"),
    *_IN_A_SCENE,
)

SCENE_SCHEMA: tuple[Column, ...] = (Column("candidate_id", "text", "id of the candidate"), *_IN_A_SCENE)

PIXEL_SCHEMA: tuple[Column, ...] = (Column("candidate_id", "text", "id of the candidate"), *RESULT_SCHEMA)


class CandidateTable(ResultTable):
    """One row per candidate, best score first, those without a score last."""

    schema = CANDIDATE_SCHEMA


class SceneTable(ResultTable):
    """One row per candidate and scene that covers it and did not win, in the order of the candidates."""

    schema = SCENE_SCHEMA


class PixelTable(ResultTable):
    """One row per pixel of each candidate in its winning scene; feature_id is the position in the input."""

    schema = PIXEL_SCHEMA

    @classmethod
    def empty(cls) -> PixelTable:
        """The table of no pixel."""
        return cls({column.name: np.empty(0, _EMPTY.get(column.kind, "O")) for column in cls.schema})


_EMPTY = {"float64": "f8", "int32": "i4", "int64": "i8", "bool": "?", "datetime64[ns, UTC]": "M8[ns]"}
"""Kind of column -> type of an array without values; others hold objects."""
