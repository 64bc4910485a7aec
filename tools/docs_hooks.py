"""What the site needs beyond the pages: links to files that are not pages, and the public headers and examples as text.

A page links to sources by relative paths, which a reader of the repository follows; on the site they are names.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[([^\]\n]*)\]\(([^)\s]+)\)")
EXAMPLE = re.compile(r"^// (examples/\S+)$", re.MULTILINE)
HEADERS = "<!-- headers -->"


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Called by mkdocs for each page."""
    folder = posixpath.dirname(page.file.src_uri)

    def replace(link: re.Match[str]) -> str:
        text, target = link.groups()
        path = posixpath.normpath(posixpath.join(folder, target.partition("#")[0]))
        inside = re.match(r"[a-z]+:|#", target) or (not path.startswith("../") and path.endswith(".md"))
        return link.group(0) if inside else f"`{text.strip('`')}`"

    for path in EXAMPLE.findall(markdown):
        markdown = markdown.replace(f"// {path}\n", (ROOT / path).read_text())
    if HEADERS in markdown:
        markdown = markdown.replace(HEADERS, headers())
    return LINK.sub(replace, markdown)


def headers() -> str:
    parts = []
    for header in sorted((ROOT / "include/pyralog").glob("*.h")):
        parts.append(f"### pyralog/{header.name}\n\n```cpp\n{header.read_text()}```\n")
    return "\n".join(parts)
