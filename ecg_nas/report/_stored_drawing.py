"""Drawings that a run keeps, drawn anew from what is known of them: nothing stored is markup.

A run's folder may be a stranger's, so its strips are parsed and written again: elements and
attributes of ``ecg_nas.figures.strip`` only, values of the forms that it writes, texts escaped,
ids of our own. What is anything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Final
from xml.etree import ElementTree

_SVG: Final = "{http://www.w3.org/2000/svg}"
_MOST_CHARACTERS: Final = 4 << 20  # a strip of six seconds has about 50,000
_DEEPEST: Final = 8  # a strip has three

_NUMBER: Final = r"-?\d{1,20}(\.\d{1,20})?(e[+-]\d{1,3})?"
_COLOUR: Final = r"none|#[0-9a-fA-F]{3,6}"
_WORD: Final = r"[a-z]{1,12}"
_FORMS: Final[Mapping[str, re.Pattern[str]]] = {
    name: re.compile(form)
    for form, names in {
        _NUMBER: "x y cx cy r fill-opacity stroke-width font-size",
        rf"{_NUMBER}(mm)?": "width height",
        rf"{_NUMBER}( {_NUMBER}){{3}}": "viewBox",
        rf"{_NUMBER}( {_NUMBER})*": "stroke-dasharray",
        _COLOUR: "fill stroke",
        _WORD: "role text-anchor font-weight stroke-linejoin",
        r"[A-Za-z', -]{1,100}": "font-family",
        r"[MLHVmlhvz0-9. -]*": "d",
        r"[\s\S]{0,2000}": "aria-label",
        r"[\w.-]{1,200}": "id",
        r"url\(#[\w.-]{1,200}\)": "clip-path",
    }.items()
    for name in names.split()
}
_ATTRIBUTES: Final[Mapping[str, frozenset[str]]] = {
    element: frozenset(names.split())
    for element, names in {
        "svg": "width height viewBox role aria-label font-family",
        "g": "clip-path fill stroke-linejoin",
        "clipPath": "id",
        "rect": "x y width height fill fill-opacity stroke stroke-width stroke-dasharray",
        "circle": "cx cy r fill",
        "path": "d fill stroke stroke-width",
        "text": "x y font-size text-anchor fill font-weight",
    }.items()
}


def rebuilt(svg: object, *, name: str) -> str:
    """Return the strip that was stored as ``svg``, written anew.

    Args:
        svg: What was stored, whatever it is.
        name: Prefix of the ids.

    Raises:
        ValueError: If it is not a strip as ``ecg_nas.figures.strip`` draws it.
    """
    if not isinstance(svg, str) or len(svg) > _MOST_CHARACTERS:
        raise ValueError("a drawing must be a text of SVG of a few megabytes at most")
    if "<!" in svg or "<?" in svg:
        raise ValueError("a drawing must be of SVG elements only: no declarations, no comments")
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise ValueError(f"a drawing must be well-formed SVG: {error}") from error
    if root.tag != f"{_SVG}svg":
        raise ValueError("a drawing must be one SVG element")
    ids = {old: f"{name}-{number}" for number, old in enumerate(_ids(root))}
    return "".join(_written(root, ids, 0))


def _ids(root: ElementTree.Element) -> list[str]:
    return [value for one in root.iter() if (value := one.get("id")) is not None]


def _written(element: ElementTree.Element, ids: Mapping[str, str], depth: int) -> Iterator[str]:
    tag = element.tag.removeprefix(_SVG)
    if tag not in _ATTRIBUTES or depth > _DEEPEST or (tag == "svg") != (depth == 0):
        raise ValueError(f"a drawing must be of a strip's elements; it has {tag[:40]!r}")
    values = {key: _value(tag, key, value, ids) for key, value in element.items()}
    shown = "".join(f' {key}="{escape(value, quote=True)}"' for key, value in values.items())
    yield f"<{tag}{shown}>{escape(element.text or '')}"
    for child in element:
        yield from _written(child, ids, depth + 1)
        yield escape(child.tail or "")
    yield f"</{tag}>"


def _value(tag: str, key: str, value: str, ids: Mapping[str, str]) -> str:
    if key not in _ATTRIBUTES[tag] or _FORMS[key].fullmatch(value) is None:
        raise ValueError(f"a drawing must be of a strip's values; {tag} has {key[:40]!r}")
    if key == "id":
        return ids[value]
    if key == "clip-path":
        return f"url(#{ids[value.removeprefix('url(#').removesuffix(')')]})"
    return value
