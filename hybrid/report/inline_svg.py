"""A figure as SVG inside a page: its inks follow the page's scheme, and its points say what they are."""

import io
import re
from xml.etree import ElementTree

import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure

from hybrid.report.style import COLOURS

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
INKS = {COLOURS["text"].lower(): "var(--ink)", COLOURS["footnote"].lower(): "var(--faint)"}


def inline_svg(figure: Figure, name: str, said: dict[str, list[str]]) -> Markup:
    """The figure, with text that is kept as text, as an <svg> element; its colours of text become the page's.

    `name` is one that no other figure of the page has. `said` gives, by the id of an artist, the words for
    each of its points, or for the patch; see `Drawn`.
    """
    file = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", facecolor="none", metadata={"Date": None}, dpi=200)
    root = ElementTree.fromstring(file.getvalue())
    for group in root.iter(f"{SVG}g"):
        identity = group.attrib.pop("id", "")
        if identity in said:
            _let_speak(group, said[identity])
        _share_style(group)
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{SVG}style", f"{SVG}metadata"):
                parent.remove(child)
    for element in root.iter():
        element.tag = element.tag.removeprefix(SVG)
        if LINK in element.attrib:
            element.set("href", element.attrib.pop(LINK))
        if style := element.get("style"):
            element.set("style", re.sub("|".join(INKS), lambda ink: INKS[ink[0]], style))
    width, height = (root.attrib.pop(side).removesuffix("pt") for side in ("width", "height"))
    root.set("viewBox", f"0 0 {width} {height}")
    root.set("role", "img")
    return Markup(ElementTree.tostring(root, encoding="unicode"))  # serialised, so escaped


def _let_speak(group: ElementTree.Element, texts: list[str]) -> None:
    """Gives each point of a group, or its one patch, a title."""
    points = list(group.iter(f"{SVG}use")) or list(group.iter(f"{SVG}path"))
    if len(points) == len(texts):  # points outside the axes are not drawn
        for point, text in zip(points, texts, strict=True):
            ElementTree.SubElement(point, f"{SVG}title").text = text


def _share_style(group: ElementTree.Element) -> None:
    """Moves a style that all points of a group have to the group."""
    points = [child for child in group if child.tag == f"{SVG}use"]
    styles = {point.get("style", "") for point in points}
    if len(points) > 1 and len(styles) == 1 and "style" not in group.attrib:
        group.set("style", styles.pop())
        for point in points:
            point.attrib.pop("style", None)
