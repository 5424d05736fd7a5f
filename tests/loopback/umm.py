"""Granule records (UMM-G) in the structure of EMIT's, with addresses of the archive on loopback; and reading them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional, Union
from urllib.parse import quote

from .spatial import Shape, area, unwrapped

if TYPE_CHECKING:
    from swath import Scene

PROTECTED, PUBLIC = "lp-prod-protected", "lp-prod-public"
SIZES = {"RFL": 1_850_000_000, "RFLUNCERT": 1_850_000_012, "MASK": 50_000_000}
"""Bytes a record gives for files that are not in the folder."""


def umm_record(
    scene: Scene, base: str, *, folder: Union[str, Path, None] = None, short_name: str = "EMITL2ARFL",
    version: str = "001", products: Sequence[str] = ("RFL", "RFLUNCERT", "MASK"), cloud: Optional[float] = 23,
    day_night: Optional[str] = "Day", footprint: Optional[Sequence[Sequence[float]]] = None,
    sizes: Mapping[str, int] = SIZES, sidecars: bool = True, browse: bool = True, **changes: Any,
) -> dict[str, Any]:
    """The record of one granule of `scene` at the data host `base`.

    Sizes and checksums are those of the files below `folder`, if they are there. `footprint` is a ring of (lon,
    lat); by default the scene's corners, counter-clockwise and closed. The first product names the granule: for
    masks of a collection of their own give `short_name="EMITL2AMASK", products=("MASK",)`. `changes` replace parts
    of the record by their UMM names; None takes one away.
    """
    names = {product: scene.file_name(f"L2A_{product}", f"V{version}") for product in products}
    ur = names[products[0]][: -len(".nc")]
    room = f"{short_name}.{version}/{ur}"
    record: dict[str, Any] = {
        "MetadataSpecification": {"URL": "https://cdn.earthdata.nasa.gov/umm/granule/v1.6.3", "Name": "UMM-G",
                                  "Version": "1.6.3"},
        "GranuleUR": ur,
        "ProviderDates": [{"Date": _iso(scene.end), "Type": "Update"}],
        "CollectionReference": {"ShortName": short_name, "Version": version},
        "Platforms": [{"ShortName": "ISS", "Instruments": [{"ShortName": "EMIT Imaging Spectrometer"}]}],
        "TemporalExtent": {"RangeDateTime": {"BeginningDateTime": _iso(scene.time),
                                             "EndingDateTime": _iso(scene.end)}},
        "AdditionalAttributes": _additional(scene, short_name, version),
        "PGEVersionClass": {"PGEName": "emit-sds-l2a", "PGEVersion": "v1.3.3"},
        "CloudCover": cloud,
        "DataGranule": {"DayNightFlag": day_night, "ProductionDateTime": _iso(scene.end),
                        "ArchiveAndDistributionInformation": _files(names, room, folder, sizes, browse and ur)},
        "SpatialExtent": {"HorizontalSpatialDomain": {"Geometry": {"GPolygons": [
            {"Boundary": {"Points": [{"Longitude": lon, "Latitude": lat} for lon, lat in
                                     (corners(scene) if footprint is None else footprint)]}}]}}},
        "RelatedUrls": _links(base, ur, room, names, sidecars, browse),
    }
    if day_night is None:
        del record["DataGranule"]["DayNightFlag"]
    return {name: value for name, value in {**record, **changes}.items() if value is not None}


def corners(scene: Scene) -> list[tuple[float, float]]:
    """Closed, counter-clockwise ring of the outer corners, longitudes within -180..180."""
    from swath import lonlat

    rows, columns = scene.downtrack - 0.5, scene.crosstrack - 0.5
    lon, lat = lonlat(scene, [-0.5, rows, rows, -0.5], [-0.5, -0.5, columns, columns])
    ring = [(float((x + 180.0) % 360.0 - 180.0), float(y)) for x, y in zip(lon, lat)]
    if area(unwrapped(ring)) < 0:
        ring.reverse()
    return [*ring, ring[0]]


def _iso(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _additional(scene: Scene, short_name: str, version: str) -> list[dict[str, Any]]:
    values = {"SOFTWARE_BUILD_VERSION": scene.build, "SOFTWARE_DELIVERY_VERSION": scene.build,
              "Identifier_product_doi_authority": "https://doi.org",
              "Identifier_product_doi": f"10.5067/EMIT/{short_name}.{version}", "ORBIT": f"{scene.orbit:07d}",
              "ORBIT_SEGMENT": "1", "SCENE": str(scene.scene), "SOLAR_ZENITH": "30.00", "SOLAR_AZIMUTH": "150.00"}
    return [{"Name": name, "Values": [value]} for name, value in values.items()]


def _files(names: Mapping[str, str], room: str, folder: Union[str, Path, None], sizes: Mapping[str, int],
           browse_ur: Union[str, bool]) -> list[dict[str, Any]]:
    listed = [_file(name, "NETCDF-4", _in(folder, PROTECTED, room, name), sizes.get(product, 1_000_000))
              for product, name in names.items()]
    if browse_ur:
        name = f"{browse_ur}.png"
        listed.append(_file(name, "PNG", _in(folder, PUBLIC, room, name), 3_344_025))
    return listed


def _in(folder: Union[str, Path, None], bucket: str, room: str, name: str) -> Optional[Path]:
    path = None if folder is None else Path(folder) / bucket / room / name
    return path if path is not None and path.is_file() else None


def _file(name: str, format_name: str, path: Optional[Path], size: int) -> dict[str, Any]:
    if path is not None:
        facts = path.stat()
        size, digest = facts.st_size, _sha512(path, facts.st_size, facts.st_mtime_ns)
    else:
        digest = hashlib.sha512(name.encode()).hexdigest()
    return {"Name": name, "SizeInBytes": size, "Format": format_name,
            "Checksum": {"Value": digest, "Algorithm": "SHA-512"}}


@lru_cache(maxsize=256)
def _sha512(path: Path, size: int, modified_ns: int) -> str:
    digest = hashlib.sha512()
    with open(path, "rb") as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _links(base: str, ur: str, room: str, names: Mapping[str, str], sidecars: bool,
           browse: bool) -> list[dict[str, str]]:
    files = [(PROTECTED, name, "GET DATA") for name in names.values()]
    if browse:
        files.append((PUBLIC, f"{ur}.png", "GET RELATED VISUALIZATION"))
    files.append((PROTECTED, f"{ur}.cmr.json", "EXTENDED METADATA"))
    if sidecars:
        first, *others = names.values()
        files.append((PROTECTED, f"{first}.dmrpp", "VIEW RELATED INFORMATION"))
        files += [(PUBLIC, f"{name}.dmrpp", "EXTENDED METADATA") for name in others]
    links = [{"URL": f"https://opendap.earthdata.nasa.gov/collections/C0-LPCLOUD/granules/{ur}",
              "Type": "USE SERVICE API", "Subtype": "OPENDAP DATA", "Description": "The same over OPeNDAP"}]
    for bucket, name, kind in files:
        path = f"{bucket}/{room}/{name}"
        links.append({"URL": f"{base}/{quote(path)}", "Description": f"Download {name}", "Type": kind})
        s3_kind = "GET DATA VIA DIRECT ACCESS" if kind == "GET DATA" else kind
        links.append({"URL": f"s3://{path}", "Description": "The same inside its cloud region", "Type": s3_kind})
    return [*links, {"URL": f"{base}/s3credentials", "Description": "Keys for use inside the cloud region",
                     "Type": "VIEW RELATED INFORMATION"}]


# what the search hosts need to know of a record; a malformed one gives None

def parse_time(text: str) -> datetime:
    """Aware UTC time of ISO 8601 text; raises ValueError."""
    time = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def times_of(record: Mapping[str, Any]) -> Optional[tuple[datetime, datetime]]:
    """(start, end)."""
    try:
        span = record["TemporalExtent"]["RangeDateTime"]
        return parse_time(span["BeginningDateTime"]), parse_time(span["EndingDateTime"])
    except (KeyError, TypeError, ValueError):
        return None


def ring_of(record: Mapping[str, Any]) -> Optional[list[tuple[float, float]]]:
    """The footprint as it stands in the record."""
    try:
        polygons = record["SpatialExtent"]["HorizontalSpatialDomain"]["Geometry"]["GPolygons"]
        return [(float(point["Longitude"]), float(point["Latitude"])) for point in polygons[0]["Boundary"]["Points"]]
    except (KeyError, TypeError, ValueError, IndexError):
        return None


def shape_of(record: Mapping[str, Any]) -> Optional[Shape]:
    """The footprint, its longitudes running on."""
    ring = ring_of(record)
    return unwrapped(ring) if ring else None


def collection_of(record: Mapping[str, Any]) -> tuple[str, str]:
    """(short name, version)."""
    found = record.get("CollectionReference", {})
    return found.get("ShortName", ""), found.get("Version", "")
