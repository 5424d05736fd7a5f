"""Tables of text whose rows are places: which columns tell the place, and the rows; who reads them makes geometries."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .errors import AreaError

WKT_COLUMNS = ("wkt", "wkt_geom", "geom", "geometry", "the_geom")
LON_COLUMNS = ("lon", "lng", "long", "longitude", "pixel_lon", "x")
LAT_COLUMNS = ("lat", "latitude", "pixel_lat", "y")
"""Names of columns that tell a place, in any case; the first that is there counts."""
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
_SEPARATORS = (",", ";", "\t")
_MAX_LON, _MAX_LAT = 360.0, 90.0
_LONGEST_FIELD = 2**31 - 1
_SHOWN = 40
"""Characters of a wrong value that a sentence quotes."""


@dataclass(frozen=True)
class PlaceTable:
    """A table with a header line, separated by comma, semicolon or tab."""

    text: str
    """All of it."""
    name: str
    """What sentences call it, with its quotes."""
    separator: str
    """What stands between two cells."""
    header: tuple[str, ...]
    """Names of the columns."""
    found: tuple[int, ...]
    """Where the column of WKT stands, or those of longitude and latitude; empty where none tells a place."""

    @classmethod
    def of(cls, text: str, name: str) -> PlaceTable:
        """Read the header."""
        first = text.partition("\n")[0].strip("\r")
        separator = max(_SEPARATORS, key=first.count)
        header = tuple(cell.strip() for cell in next(csv.reader([first], delimiter=separator), []))
        lower = [cell.casefold() for cell in header]
        wkt, lon, lat = ([lower.index(one) for one in known if one in lower][:1]
                         for known in (WKT_COLUMNS, LON_COLUMNS, LAT_COLUMNS))
        return cls(text, name, separator, header, tuple(wkt or (lon + lat if lon and lat else ())))

    def require_places(self) -> PlaceTable:
        """The same; raises AreaError where no column tells a place."""
        if not self.found:
            raise AreaError(f"{self.name} has the columns {quoted(self.text.partition(chr(10))[0])}, and none of them "
                            "tells a place; name them lon and lat, or wkt.")
        return self

    def position(self, column: str) -> int:
        """Where a column stands; raises AreaError where there is none of that name."""
        if column not in self.header:
            raise AreaError(f"{self.name} has no column '{column}'; its columns are: {', '.join(self.header)}.")
        return self.header.index(column)

    def rows(self) -> Iterator[tuple[str, list[str]]]:
        """The rows below the header that hold anything: where each stands, for sentences, and its cells, stripped."""
        with _long_fields():
            rows = csv.reader(io.StringIO(self.text, newline=""), delimiter=self.separator)
            try:
                next(rows, None)
                for row in rows:
                    cells = [cell.strip() for cell in row]
                    if any(cells):
                        yield f"Line {rows.line_num} of {self.name}", cells
            except csv.Error as error:
                raise AreaError(f"Line {rows.line_num} of {self.name} is no row of a table ({error}); repair it."
                                ) from error

    def place(self, cells: list[str], where: str) -> tuple[str, ...]:
        """The texts that tell the place of a row: WKT, or longitude and latitude; empty where one is missing.

        Raises AreaError for more cells than there are columns.
        """
        if len(cells) > len(self.header):
            raise AreaError(f"{where} has {len(cells)} values for {len(self.header)} columns; write decimals with a "
                            "point (37.6, not 37,6), and put texts with a separator in double quotes.")
        told = tuple(cells[i] for i in self.found if i < len(cells))
        return told if len(told) == len(self.found) and all(told) else ()


def lonlat_of(lon: str, lat: str, where: str) -> tuple[float, float]:
    """Two texts as degrees; raises AreaError, beginning with `where`, for what is no place on the Earth."""
    x, y = _degrees(lon, where), _degrees(lat, where)
    if not (abs(x) <= _MAX_LON and abs(y) <= _MAX_LAT):
        raise AreaError(f"{where} has the longitude {x:g} and the latitude {y:g}, which are not on the Earth; "
                        "write degrees, the longitude first.")
    return x, y


def no_wkt(text: str, where: str) -> AreaError:
    """The sentence for what should be WKT and is not."""
    return AreaError(f"{where} has {quoted(text)}, which is no WKT; write for instance POINT(-117.17 37.6).")


def quoted(text: str) -> str:
    """A value in a sentence: on one line, and not too long."""
    text = " ".join(text.split())
    return f"'{text}'" if len(text) <= _SHOWN else f"'{text[:_SHOWN]}…'"


def _degrees(text: str, where: str) -> float:
    if DECIMAL_COMMA.fullmatch(text):
        raise AreaError(f"{where} has '{text}'; write decimals with a point, like {text.replace(',', '.')}.")
    try:
        return float(text)
    except ValueError:
        raise AreaError(f"{where} has {quoted(text)} where a number in degrees belongs, like -117.17; mend it."
                        ) from None


@contextmanager
def _long_fields() -> Iterator[None]:
    """An outline in WKT may be longer than the csv module allows a field to be."""
    limit = csv.field_size_limit(_LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(limit)
