"""The folder that Sphinx reads: pages at their places in the repository, and the files to which they link."""

import os
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from reproduction.paths import ROOT

CODE = r"^```.*?^```$|`[^`\n]*`"
LINK = re.compile(
    rf"{CODE}|(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)",
    re.DOTALL | re.MULTILINE,
)
MISSING = "(not there yet)"


@dataclass
class Sources:
    """The pages of the site before Sphinx.

    Attributes:
        folder: where they are written.
        pages: their paths in the repository, also of those that are not written yet.
        indices: the page that stands for a folder, by its path.
        root: the checkout, from which linked files are copied.
    """

    folder: Path
    pages: set[str]
    indices: Mapping[str, str] = field(default_factory=dict)
    root: Path = ROOT

    def write(self, page: str, text: str) -> None:
        """Writes a page as it is."""
        path = self.folder / page
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def adopt(self, page: str, text: str | None = None, at: str = "") -> None:
        """Writes a Markdown file of the repository as a page, with links that hold on the site.

        Args:
            page: its path in the repository.
            text: instead of its own.
            at: the path of the page, if it is another.
        """
        text = (self.root / page).read_text() if text is None else text
        self.write(at or page, LINK.sub(lambda found: self._link(found, page, at or page), text))

    def copy(self, source: Path, name: str) -> None:
        """Copies a file to its path in the repository."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, path)

    def _link(self, found: re.Match[str], page: str, at: str) -> str:
        """A link or picture as it has to be on the page `at`; its text, if it leads nowhere on the site."""
        if found["target"] is None:  # code
            return found[0]
        text, (path, _, anchor) = found["text"], found["target"].partition("#")
        if not path or "://" in path or path.startswith("mailto:"):
            return found[0]
        target = os.path.normpath(PurePosixPath(page).parent / path)
        target = self.indices.get(target, target)
        source = self.root / target
        if target.startswith(".."):  # a model's file outside the checkout
            target = f"files/{source.name}"
        relative = os.path.relpath(target, PurePosixPath(at).parent)
        if target in self.pages:
            if text == found["target"]:
                text = ""  # which stands for the page's title
            return f"[{text}]({relative}{'#' if anchor else ''}{anchor})"
        if source.is_file() and source.suffix != ".md":
            self.copy(source, target)
            return f"{found['image']}[{text}]({relative})"
        if found["image"]:
            return ""
        return text if source.exists() else f"{text} {MISSING}"


def toctree(pages: Iterable[str], caption: str = "", hidden: bool = True) -> str:
    """A list of pages for the sidebar; a page is a path, or `title <path>`."""
    options = [f":caption: {caption}"] if caption else []
    options += [":hidden:"] if hidden else []
    return "\n".join(["```{toctree}", *options, "", *pages, "```", ""])
