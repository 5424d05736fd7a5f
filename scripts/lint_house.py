"""Check the rules of the house that a machine can see: one line per breach, exit status 1 if there is any.

Looks at every file that git tracks or would track. Each rule is a function from a file to its breaches.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "pixel_spectra"
ROOMS = ("core", "adapters", "ui", "processing_provider", "cli", "plugin")

# Which room may import which other one; plugin.py joins them all.
DOORS = {
    "core": set(),
    "adapters": {"core"},
    "ui": {"core", "adapters"},
    "processing_provider": {"core", "adapters"},
    "cli": {"core", "adapters"},
}

# The floors of core, from the ground up: a room imports from its own floor (in no circle) and those below.
FLOORS = (
    {"registry", "progress", "errors", "optional", "workers", "verdicts"},
    {"geolocation", "swath", "glt", "affine", "ground", "enclosing", "spectra", "io"},
    {"metrics", "continuum", "views", "background", "quality", "aoi", "resampling", "results", "place_tables"},
    {"scoring", "scene_sample", "sensors", "archive", "libraries", "gases"},
    {"inspection", "comparison", "portrait", "orthorectification", "mapping", "gas_mapping", "identification",
     "vetting", "clouds", "flightlines", "coverage"},
)
FLOOR_OF = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}

NEVER_IN_CORE = {"qgis", "PyQt5", "PyQt6", "osgeo", "pyqtgraph", "matplotlib"}
QGIS_WIDGETS = {"map_tool", "map_marks", "dock", "tasks", "scenes", "inspector", "area_source", "canvas_drop",
                "entrance", "exporting", "score_maps", "candidates", "sign_in_dialog", "archive_search", "archive_map",
                "archive_places"}
READS_ENVIRONMENT = {"core/archive/login.py", "core/io/hdf5.py"}
EMPTY_NAMES = {"utils", "util", "common", "helpers", "helper", "misc"}
BROAD = {"Exception", "BaseException"}
NOT_SHIPPED = {"tests", "benchmarks", "scripts"}
MAX_FILE, MAX_FUNCTION, MAX_PROCESS = 400, 60, 40
HOMES = re.compile(r"(?<![\w.:/~$}])/(?:home|root|Users|work|workspace|mnt|media|scratch|Volumes)/\w")


@dataclass(frozen=True)
class Import:
    """One imported module or name."""

    line: int
    """Where it stands."""
    parts: tuple[str, ...]
    """The dotted name; inside the package without its name, so that it begins with the room."""
    ours: bool
    """True for a module of this package."""
    written: str
    """The first word as written, before relative names are resolved."""
    at_load: bool
    """True when it happens as the module is loaded."""
    typing_only: bool
    """True under `if TYPE_CHECKING`."""


@dataclass(frozen=True)
class Source:
    """A file of the project."""

    path: PurePosixPath
    """Relative to the root of the project."""
    text: str
    """Its content."""

    @property
    def room(self) -> str:
        """The first folder, or the name of a module in the root."""
        return self.path.parts[0] if len(self.path.parts) > 1 else self.path.stem

    @property
    def is_python(self) -> bool:
        return self.path.suffix == ".py"

    @property
    def shipped(self) -> bool:
        return self.is_python and self.room not in NOT_SHIPPED

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text) if self.is_python else ast.Module([], [])

    @cached_property
    def imports(self) -> tuple[Import, ...]:
        return tuple(_imports(self.tree, self.path.with_suffix("").parts[:-1]))

    def nodes(self, *kinds: type) -> Iterator[ast.AST]:
        return (node for node in ast.walk(self.tree) if isinstance(node, kinds))


def _imports(
    node: ast.AST, package: tuple[str, ...], at_load: bool = True, typing_only: bool = False
) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.Import, ast.ImportFrom)):
            for parts, ours, written in _names(child, package):
                yield Import(child.lineno, parts, ours, written, at_load, typing_only)
        inside = isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        typing = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        yield from _imports(child, package, at_load and not inside, typing_only or typing)


def _names(node: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], bool, str]]:
    if isinstance(node, ast.Import):
        found = [(tuple(alias.name.split(".")), False) for alias in node.names]
    else:
        module = tuple(node.module.split(".")) if node.module else ()
        relative = node.level > 0
        base = package[: len(package) - node.level + 1] + module if relative else module
        found = [((*base, alias.name), relative) for alias in node.names]
    for parts, relative in found:
        absolute = parts[0] == PACKAGE and not relative
        yield (parts[1:] if absolute else parts), relative or absolute, "." if relative else parts[0]


def _room_of(parts: tuple[str, ...]) -> str:
    """The room of core that a dotted name lies in; empty outside."""
    return parts[1] if len(parts) > 1 and parts[0] == "core" else ""


def doors(source: Source) -> Iterator[str]:
    """Rooms import one way."""
    for item in source.imports:
        target = item.parts[0] if item.parts else ""
        closed = set(ROOMS) - {source.room} - DOORS.get(source.room, set(ROOMS))
        if item.ours and target in closed:
            yield f"{item.line}: {source.room} imports {target}"
        if not item.ours and item.written in ROOMS and source.room != "tests":
            yield f"{item.line}: import {item.written} as {PACKAGE}.{item.written}, or relatively"


def floors(source: Source) -> Iterator[str]:
    """Inside core, imports go down."""
    here = _room_of(source.path.with_suffix("").parts)
    if not here or here == "__init__":
        return
    if here not in FLOOR_OF:
        yield f"core room '{here}' stands on no floor: enter it in FLOORS of scripts/lint_house.py"
        return
    for item in source.imports:
        there = _room_of(item.parts) if item.ours else ""
        if FLOOR_OF.get(there, -1) > FLOOR_OF[here]:
            yield f"{item.line}: core/{here} imports core/{there}, which stands above it"


def circles(sources: Iterable[Source]) -> Iterator[str]:
    """No two rooms of core import each other, not even by way of a third."""
    reach: dict[str, set[str]] = {}
    for source in sources:
        here = _room_of(source.path.with_suffix("").parts)
        targets = {_room_of(item.parts) for item in source.imports if item.ours}
        if here in FLOOR_OF:
            reach.setdefault(here, set()).update((targets & FLOOR_OF.keys()) - {here})
    for _ in FLOOR_OF:
        for seen in reach.values():
            seen.update(*(reach.get(room, set()) for room in tuple(seen)))
    rooms = sorted(room for room, seen in reach.items() if room in seen)
    if rooms:
        yield f"core: these rooms import each other in a circle: {', '.join(rooms)}"


def core_alone(source: Source) -> Iterator[str]:
    """Core knows numpy and the standard library; the rest comes through optional.require, when needed."""
    if source.room != "core":
        return
    known = set(getattr(sys, "stdlib_module_names", ())) | {"numpy"}
    for item in source.imports:
        if item.written in NEVER_IN_CORE:
            yield f"{item.line}: core imports {item.written}"
        elif not item.ours and not item.typing_only and len(known) > 1 and item.written not in known:
            yield f"{item.line}: {item.written} is not always there: core/optional.py's require() fetches it"


def core_settings(source: Source) -> Iterator[str]:
    """Core is given what it needs and reads no settings."""
    if source.room != "core" or str(source.path) in READS_ENVIRONMENT:
        return
    for node in source.nodes(ast.Attribute):
        if node.attr in {"environ", "getenv"} and isinstance(node.value, ast.Name) and node.value.id == "os":
            yield f"{node.lineno}: core reads the environment"


def qt(source: Source) -> Iterator[str]:
    """Qt comes from qgis.PyQt; widgets stay plain Qt; adapters show nothing."""
    if not source.shipped:
        return
    for item in source.imports:
        dotted = ".".join(item.parts)
        if item.written in {"PyQt5", "PyQt6"}:
            yield f"{item.line}: import Qt from qgis.PyQt"
        plain = source.room == "ui" and source.path.stem not in QGIS_WIDGETS
        if plain and re.match(r"qgis\.(core|gui)", dotted):
            yield f"{item.line}: this widget is to stay plain Qt, without {dotted}"
        if source.room == "adapters" and re.match(r"qgis\.(gui|PyQt\.QtWidgets)", dotted):
            yield f"{item.line}: adapters hold no widgets ({dotted})"
    for node in source.nodes(ast.Attribute):
        if node.attr == "exec_":
            yield f"{node.lineno}: exec(), not exec_(), works on Qt 6 too"


def sizes(source: Source) -> Iterator[str]:
    """Short functions in short files."""
    lines = source.text.count("\n")
    if source.is_python and source.room != "tests" and lines > MAX_FILE:
        yield f"{lines} lines ({MAX_FILE} at most)"
    for node in source.nodes(ast.FunctionDef, ast.AsyncFunctionDef):
        length = node.end_lineno - node.lineno + 1
        if ast.get_docstring(node):
            length -= node.body[0].end_lineno - node.body[0].lineno + 1
        limit = MAX_PROCESS if node.name == "processAlgorithm" else MAX_FUNCTION
        if length > limit:
            yield f"{node.lineno}: {node.name} has {length} lines ({limit} at most)"


def names(source: Source) -> Iterator[str]:
    """A file is called after its theme."""
    for part in source.path.with_suffix("").parts:
        if part in EMPTY_NAMES:
            yield f"'{part}' says nothing: name the theme"
    if source.path.parts[:2] == ("tests", "qgis"):
        yield "a folder tests/qgis shadows the real package"


def excepts(source: Source) -> Iterator[str]:
    """An except names what it expects."""
    for node in source.nodes(ast.ExceptHandler):
        caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
        if any(item is None or (isinstance(item, ast.Name) and item.id in BROAD) for item in caught):
            yield f"{node.lineno}: broad except"
    for node in source.nodes(ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "suppress" and any(isinstance(arg, ast.Name) and arg.id in BROAD for arg in node.args):
            yield f"{node.lineno}: broad suppress"


def dispatch(source: Source) -> Iterator[str]:
    """A table of names is the only dispatch."""
    if not source.shipped:
        return
    chained = {id(node.orelse[0]) for node in source.nodes(ast.If) if len(node.orelse) == 1}
    for node in source.nodes(ast.If):
        if id(node) not in chained and _same_subject(node) >= 3:
            yield f"{node.lineno}: a chain of comparisons with names: make it a table"


def _same_subject(node: ast.If) -> int:
    """How many links of an if chain compare the first link's subject with a text."""
    subject, count = None, 0
    while isinstance(node, ast.If):
        test = node.test
        if not (isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq)):
            break
        right = test.comparators[0]
        if not (isinstance(right, ast.Constant) and isinstance(right.value, str)):
            break
        subject = subject or ast.dump(test.left)
        if ast.dump(test.left) != subject:
            break
        count += 1
        node = node.orelse[0] if len(node.orelse) == 1 else None
    return count


def values(source: Source) -> Iterator[str]:
    """A public dataclass of core is frozen and says what each field is."""
    if source.room != "core":
        return
    for node in source.nodes(ast.ClassDef):
        marks = [ast.unparse(mark) for mark in node.decorator_list]
        mark = next((mark for mark in marks if "dataclass" in mark), None)
        if mark is None or node.name.startswith("_"):
            continue
        if "frozen=True" not in mark:
            yield f"{node.lineno}: dataclass {node.name} is not frozen"
        if "slots" in mark or "kw_only" in mark:
            yield f"{node.lineno}: dataclass {node.name} uses what Python 3.9 has not"
        for field, after in zip(node.body, [*node.body[1:], None]):
            told = isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)
            if isinstance(field, ast.AnnAssign) and not field.target.id.startswith("_") and not told:
                yield f"{field.lineno}: field {node.name}.{field.target.id} has no docstring"


def machine_paths(source: Source) -> Iterator[str]:
    """No file knows the machine it was written on."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if HOMES.search(line) or f"{ROOT}/" in line:
            yield f"{number}: holds a path of one machine"


RULES = (doors, floors, core_alone, core_settings, qt, sizes, names, excepts, dispatch, values, machine_paths)


def breaches(source: Source) -> Iterator[str]:
    """All breaches of one file, as "path:line: what"."""
    try:
        if source.is_python:
            ast.parse(source.text)
    except SyntaxError as error:
        yield f"{source.path}:{error.lineno}: {error.msg}"
        return
    for rule in RULES:
        for text in rule(source):
            yield f"{source.path}:{text}" if text[:1].isdigit() else f"{source.path}: {text}"


def project_files(root: Path = ROOT) -> Iterator[Source]:
    """Every text file that git tracks or would track."""
    command = ["git", "ls-files", "-co", "--exclude-standard", "-z"]
    listing = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    for name in sorted(set(listing.split("\0")) - {""}):
        path = root / name
        if not path.is_file() or path.stat().st_size > 1_000_000:
            continue
        try:
            yield Source(PurePosixPath(name), path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            continue


def main() -> int:
    sources = list(project_files())
    found = [breach for source in sources for breach in breaches(source)]
    if not found:
        found = list(circles(source for source in sources if source.is_python))
    print("\n".join(found) or f"house rules: {len(sources)} files, all well")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
