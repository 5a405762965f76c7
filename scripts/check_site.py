"""Check a built site without a network: links and anchors, alt texts, headings, and that no other host is asked."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADS = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "video": "src",
    "audio": "src",
    "source": "src",
    "embed": "src",
}
"""Elements that make a browser fetch a file, and the attribute with its address; some links do the same."""
FETCHED_LINKS = {"stylesheet", "icon", "preload", "modulepreload", "preconnect", "dns-prefetch", "manifest"}
CSS_ADDRESS = re.compile(r"(?:url\(\s*|@import\s+)[\"']?((?:https?:)?//[^\"')\s]+)", re.IGNORECASE)
BAD_ENDS = (".", ",", ";", ":", ")", "'")


@dataclass
class Page(HTMLParser):
    """The checked parts of a page: its anchors, links, images, headings and loaded files."""

    path: Path
    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)
    bare_images: list[str] = field(default_factory=list)
    bare_media: list[str] = field(default_factory=list)
    headings: list[int] = field(default_factory=list)
    in_article: bool = False

    def __post_init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.feed(self.path.read_text(encoding="utf-8"))

    def __hash__(self) -> int:
        return hash(self.path)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        about = {name: value or "" for name, value in attrs}
        self.anchors |= {about[name] for name in ("id", "name") if about.get(name)}
        if tag == "a" and "href" in about:
            self.links.append(about["href"])
        elif tag == "link" and FETCHED_LINKS & set(about.get("rel", "").split()):
            self.loaded.append(about.get("href", ""))
        elif tag in LOADS and about.get(LOADS[tag]):
            self.loaded.append(about[LOADS[tag]])
        if tag == "img" and not _is_description(about.get("alt", ""), about.get("src", "")):
            self.bare_images.append(about.get("src", "")[:80])
        if tag in ("video", "iframe") and not (about.get("aria-label") or about.get("title")):
            self.bare_media.append(tag)
        if tag == "article":
            self.in_article = True
        if self.in_article and re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "article":
            self.in_article = False


def check_site(folder: Path) -> list[str]:
    """Return the faults of the site in a folder, one sentence each."""
    written = [path for path in sorted(folder.rglob("*.html")) if "_static" not in path.relative_to(folder).parts]
    pages = {path.resolve(): Page(path) for path in written}
    faults = [f"{folder} holds no page."] if not pages else []
    for path, page in pages.items():
        name = path.relative_to(folder.resolve()).as_posix()
        faults += [f"{name}: {fault}" for fault in _faults(page, pages)]
    for sheet in sorted(folder.rglob("*.css")):
        for address in CSS_ADDRESS.findall(sheet.read_text(encoding="utf-8", errors="replace")):
            faults.append(f"{sheet.relative_to(folder).as_posix()}: loads {address} from another host.")
    return faults


def _is_description(alt: str, address: str) -> bool:
    """Return whether an alt text is one: Sphinx writes the file's name where there is none."""
    name = address.rsplit("/", 1)[-1]
    return bool(alt.strip()) and not (name and alt.strip().endswith(name))


def _faults(page: Page, pages: dict[Path, Page]) -> list[str]:
    faults = [f"the image {image} has no alt text." for image in page.bare_images]
    faults += [f"a {tag} has neither aria-label nor title." for tag in page.bare_media]
    for address in page.loaded:
        if urlsplit(address).netloc:
            faults.append(f"loads {address} from another host.")
        elif not address.startswith("data:") and (fault := _dead(address, page, pages)):
            faults.append(fault)
    for address in page.links:
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            if fault := _malformed(address):
                faults.append(fault)
        elif fault := _dead(address, page, pages):
            faults.append(fault)
    if page.headings:
        if page.headings.count(1) != 1 or page.headings[0] != 1:
            faults.append(f"has {page.headings.count(1)} titles; it should begin with its only one.")
        for before, after in zip(page.headings, page.headings[1:], strict=False):
            if after > before + 1:
                faults.append(f"a heading of level {after} follows one of level {before}.")
    return faults


def _dead(address: str, page: Page, pages: dict[Path, Page]) -> str:
    """Return why a relative link leads nowhere, or ""."""
    parts = urlsplit(address)
    target = (page.path.parent / unquote(parts.path)).resolve() if parts.path else page.path.resolve()
    if target.is_dir():
        target /= "index.html"
    if not target.is_file():
        return f"the link {address} leads nowhere."
    anchor = unquote(parts.fragment)
    if anchor and target in pages and anchor not in pages[target].anchors:
        return f"the link {address} leads to a page without that anchor."
    return ""


def _malformed(address: str) -> str:
    """Return why an address of another host cannot be right, or ""; whether it answers is for `make site-links`."""
    parts = urlsplit(address)
    if parts.scheme == "mailto":
        return "" if re.fullmatch(r"[^@\s]+@[^@\s]+\.\w+", parts.path) else f"{address} is no address of mail."
    if parts.scheme not in ("http", "https"):
        return f"the link {address} has the scheme {parts.scheme or 'of nothing'}; use https."
    local = parts.hostname in ("localhost", "127.0.0.1")
    if not parts.hostname or ("." not in parts.hostname and not local) or re.search(r"[\s<>\"{}|\\^`]", address):
        return f"the address {address} is not well formed."
    unbalanced = address.count("(") != address.count(")")
    if address.endswith(BAD_ENDS) and (unbalanced or not address.endswith(")")):
        return f"the address {address} ends with a mark that belongs to its sentence."
    return ""


def main() -> None:
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "build/site")
    if faults := check_site(folder):
        raise SystemExit("\n".join(faults))
    print(f"{folder}: no dead link, no image without alt text, nothing from another host.")


if __name__ == "__main__":
    main()
