"""Safe parsing of untrusted XML."""

from __future__ import annotations

from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from aher_lightning.files.json_files import MalformedError

_DEEPEST = 64
"""Maximal nesting of elements; the files of annotation tools have less than ten levels."""


def parse_xml(content: bytes) -> Element:
    """Return the root element of an XML document.

    Document type declarations are refused: the entities that they declare can grow without bound or name other files,
    and no annotation tool writes one. Namespaces are not resolved.

    Raises:
        MalformedError: If it is not well-formed, has a document type declaration, or is nested too deeply.

    Example:
        >>> parse_xml(b"<a><b c='1'/></a>")[0].get("c")
        '1'
        >>> parse_xml(b"<!DOCTYPE a [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><a>&e;</a>")
        Traceback (most recent call last):
        aher_lightning.files.json_files.MalformedError: has a document type declaration, which no annotation tool writes
    """
    building = _Building()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = building.refuse
    parser.StartElementHandler = building.start
    parser.EndElementHandler = building.end
    parser.CharacterDataHandler = building.builder.data
    try:
        parser.Parse(content, True)
    except expat.ExpatError as failure:
        place = f"line {failure.lineno}, column {failure.offset + 1}"
        raise MalformedError(f"is not valid XML ({place}: {expat.ErrorString(failure.code)})") from None
    except LookupError:
        raise MalformedError("is XML in an unknown encoding; save it as UTF-8") from None
    except MalformedError:
        raise
    except ValueError as failure:
        raise MalformedError(f"is XML in an unsupported encoding ({failure}); save it as UTF-8") from None
    return building.builder.close()


class _Building:
    """The tree so far, and the depth of the current element."""

    def __init__(self) -> None:
        self.builder = TreeBuilder()
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """Open an element."""
        self._depth += 1
        if self._depth > _DEEPEST:
            raise MalformedError(f"nests XML elements more than {_DEEPEST} deep")
        self.builder.start(name, attributes)

    def end(self, name: str) -> None:
        """Close an element."""
        self._depth -= 1
        self.builder.end(name)

    def refuse(self, *_: object) -> None:
        """Refuse a document type declaration before any of its entities is read."""
        raise MalformedError("has a document type declaration, which no annotation tool writes")
