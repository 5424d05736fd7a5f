"""The XML of a DMR++ sidecar as a tree of elements, read within bounds: whoever wrote it may mean harm.

Entities and document types, the means of the known attacks on XML readers, are refused where they are declared.
Source: DMR++ namespace documentation of OPeNDAP; XML 1.0, 5th edition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional
from xml.parsers import expat

MOST_BYTES = 8 << 20
MOST_ELEMENTS = 200_000
MOST_DEPTH = 32
MOST_ATTRIBUTES = 32
"""Bounds of one sidecar; that of a real granule has 17 kB, about 200 elements and 4 levels."""

_ENCODINGS = {"utf-8": "utf-8", "us-ascii": "us-ascii", "ascii": "us-ascii", "iso-8859-1": "iso-8859-1"}
"""Encoding as declared, in lower case -> name that expat knows by itself."""

_DECLARED = re.compile(rb"""^<\?xml[^>]{0,80}?\bencoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")

_PREFIXES = {
    "http://xml.opendap.org/ns/DAP/4.0#": "",
    "http://xml.opendap.org/dap/dmrpp/1.0.0#": "dmrpp:",
    "http://opendap.org/ns/dmrpp/1.0#": "dmrpp:",
}
"""Namespace -> what its names begin with here."""


class Element:
    """One element of the tree."""

    __slots__ = ("name", "attributes", "children", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        """`name` is bare in the DAP 4 namespace, begins with "dmrpp:" in that of DMR++."""
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.text = ""

    def each(self, name: str) -> Iterator[Element]:
        """The children of that name."""
        return (child for child in self.children if child.name == name)


def parse(text: bytes) -> Element:
    """The root of the tree; raises ValueError saying what is wrong, as the end of a sentence."""
    if len(text) > MOST_BYTES:
        raise ValueError(f"it has {len(text)} bytes, more than {MOST_BYTES}")
    declared = _DECLARED.match(text)
    encoding = declared[1].decode("ascii").lower() if declared else "utf-8"
    if encoding not in _ENCODINGS:
        raise ValueError(f"its encoding is '{encoding}'")
    tree = _Tree()
    parser = expat.ParserCreate(_ENCODINGS[encoding], namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = tree.start
    parser.EndElementHandler = tree.end
    parser.CharacterDataHandler = tree.characters
    parser.StartDoctypeDeclHandler = _refuse
    parser.EntityDeclHandler = _refuse
    parser.ExternalEntityRefHandler = _refuse
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise ValueError(f"it is no well-formed XML ({error})") from None
    if tree.root is None:
        raise ValueError("it is empty")
    return tree.root


def _refuse(*declaration: object) -> int:
    raise ValueError("it declares a document type or entities")


class _Tree:
    """Builds the elements as the parser meets them."""

    def __init__(self) -> None:
        self.root: Optional[Element] = None
        self._open: list[Element] = []
        self._texts: list[list[str]] = []
        self._number = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._number += 1
        if self._number > MOST_ELEMENTS:
            raise ValueError(f"it has more than {MOST_ELEMENTS} elements")
        if len(self._open) >= MOST_DEPTH:
            raise ValueError(f"its elements are nested more than {MOST_DEPTH} deep")
        if len(attributes) > MOST_ATTRIBUTES:
            raise ValueError(f"an element has more than {MOST_ATTRIBUTES} attributes")
        element = Element(_short(name), {_short(key): value for key, value in attributes.items()})
        if self._open:
            self._open[-1].children.append(element)
        else:
            self.root = element
        self._open.append(element)
        self._texts.append([])

    def end(self, name: str) -> None:
        element, texts = self._open.pop(), self._texts.pop()
        if not element.children:
            element.text = "".join(texts)

    def characters(self, data: str) -> None:
        self._texts[-1].append(data)


def _short(name: str) -> str:
    """A name with the prefix of its namespace; with the namespace itself where that is a foreign one."""
    namespace, _, local = name.rpartition(" ")
    return local if not namespace else _PREFIXES.get(namespace, f"{namespace} ") + local
