from __future__ import annotations

import re
from pathlib import Path

import pytest

from aher_lightning.annotations.importers.xml_files import parse_xml
from aher_lightning.files.json_files import MalformedError

LAUGHS = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
BOMB = f'<!DOCTYPE a [<!ENTITY l0 "lol">{LAUGHS}]><a>&l9;</a>'


def test_elements_attributes_and_text_are_kept() -> None:
    root = parse_xml('<?xml version="1.0"?><a x="1"><b>é &amp; <![CDATA[<c>]]></b><b/></a>'.encode())
    assert (root.tag, root.get("x"), root.findtext("b")) == ("a", "1", "é & <c>")
    assert len(root) == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "latin-1"])
def test_encodings_are_those_that_the_file_declares(encoding: str) -> None:
    declared = encoding.removesuffix("-sig")
    content = f'<?xml version="1.0" encoding="{declared}"?><a>é</a>'.encode(encoding)
    assert parse_xml(content).text == "é"


def test_entities_do_not_grow() -> None:
    with pytest.raises(MalformedError, match="document type declaration"):
        parse_xml(BOMB.encode())


@pytest.mark.parametrize(
    "declaration",
    [
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file://{path}">]><a>&e;</a>',
        '<!DOCTYPE a [<!ENTITY % e SYSTEM "file://{path}"> %e;]><a/>',
        '<!DOCTYPE a SYSTEM "file://{path}"><a/>',
        '<!DOCTYPE a PUBLIC "-//x//y" "http://127.0.0.1:9/x.dtd"><a/>',
    ],
)
def test_other_files_are_not_read(tmp_path: Path, declaration: str) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    with pytest.raises(MalformedError, match="document type declaration") as failure:
        parse_xml(declaration.format(path=secret).encode())
    assert "secret" not in str(failure.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<a><b></a>", "is not valid XML (line 1, column 9: mismatched tag)"),
        (b"<a>", "is not valid XML (line 1, column 4: no element found)"),
        (b"<a>&undefined;</a>", "undefined entity"),
        (b"<a>\x00</a>", "is not valid XML"),
        (b"<a>\xff\xfe</a>", "is not valid XML"),
        (b"<?xml version='1.0' encoding='klingon'?><a/>", "in an unknown encoding"),
        (b"<?xml version='1.0' encoding='utf-7'?><a/>", "encoding"),
        (b"<a>" * 65 + b"</a>" * 65, "nests XML elements more than 64 deep"),
        (b"<a>" * 200_000, "nests XML elements more than 64 deep"),
    ],
)
def test_damage_is_named(content: bytes, message: str) -> None:
    with pytest.raises(MalformedError, match=re.escape(message)):
        parse_xml(content)
