"""Configure Sphinx: it builds these pages as a site, from the same Markdown that a forge shows.

.venv/bin/python -m sphinx docs build/docs
"""

from __future__ import annotations

import re

from sphinx.application import Sphinx

project = "liveflight"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = "liveflight"
html_copy_source = False
# Headings get the anchors that GitHub gives them.
myst_heading_anchors = 4


def add_navigation(app: Sphinx, page: str, source: list[str]) -> None:
    """Make the menu from the index: a part per heading, in it the pages that are linked there.

    A page that the index does not name is a warning, and so ends the build."""
    if page != "index":
        return
    for part in source[0].split("\n## ")[1:]:
        caption, _, text = part.partition("\n")
        pages = dict.fromkeys(re.findall(r"\]\(([\w-]+)\.md\)", text))
        source[0] += "\n".join(
            ["\n```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```\n"]
        )


def setup(app: Sphinx) -> None:
    app.connect("source-read", add_navigation)
