"""How Sphinx makes the course's site: `make site` stages the pages and builds them (scripts/build_site.py).

Everything that a page loads lies in the site itself: no font, script or style comes from another host.
"""

import json
from pathlib import Path

from docutils import nodes

project = "Sign language recognition"
author = ""
language = "en"
root_doc = "index"
extensions = ["myst_nb", "sphinx_copybutton", "sphinx.ext.githubpages"]  # githubpages: folders with _ are served, too
exclude_patterns = ["**/.ipynb_checkpoints"]

nb_execution_mode = "off"  # the outputs that are stored are the outputs that are shown
nb_merge_streams = True
myst_heading_anchors = 4
suppress_warnings = ["misc.highlighting_failure"]  # a cell's `!command` or `%magic` is no Python
nitpicky = True

html_theme = "sphinx_book_theme"
html_title = "Sign language recognition"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_last_updated_fmt = None
html_theme_options = {
    "home_page_in_toc": True,
    "show_toc_level": 2,
    "use_fullscreen_button": False,
    "use_download_button": True,
    "show_navbar_depth": 1,
    "navbar_persistent": [],  # the sidebar has the search already
}
copybutton_exclude = ".linenos, .gp, .go"

linkcheck_timeout = 30
linkcheck_retries = 2
linkcheck_workers = 4
linkcheck_anchors = False  # many sites build their anchors with scripts
linkcheck_ignore = [r"https?://(localhost|127\.0\.0\.1)"]
linkcheck_report_timeouts_as_broken = False


WIDE_PX = 700
"""Figures of this width are not made smaller than can be read on a phone: they scroll."""


def describe_figures(app, doctree):
    """Give the figures of notebooks the alt text that is stored beside them: images are named by their content."""
    figures = json.loads((Path(app.srcdir) / "figures.json").read_text(encoding="utf-8"))
    for image in doctree.findall(nodes.image):
        if known := figures.get(Path(image["uri"]).stem):
            image["alt"] = known["alt"]
            image["classes"] += ["wide"] if known["width"] >= WIDE_PX else []


def setup(app):
    app.connect("doctree-read", describe_figures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
