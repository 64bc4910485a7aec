"""Checks the pages (every relative link leads somewhere, every format has a page, every command named exists) and makes
the site of docs/ in build/site, which needs nothing from the network.

docs.py prints FILE:LINE: message for each finding; any makes the exit code 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*?)\s*#*\s*$", re.MULTILINE)
FETCHED = re.compile(r"<(?:script|link|img|iframe)\b[^>]*(?:src|href)=[\"']((?:https?:)?//[^\"']+)")
DEV_COMMAND = re.compile(r"\./dev ([a-z][a-z-]*)")


def pages() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "*.md"]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def anchors(text: str) -> set[str]:
    """The fragments that a page's headings can be linked by."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def check_page(page: Path, commands: set[str]) -> Iterator[tuple[int, str]]:
    text = page.read_text()
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        for name in DEV_COMMAND.findall(line):
            if name not in commands:
                yield number, f"./dev has no command '{name}'"
        if fenced:
            continue
        for link in LINK.findall(line):
            if re.match(r"[a-z]+:", link):
                continue
            path, _, fragment = link.partition("#")
            target = (page.parent / path).resolve() if path else page
            if not target.exists():
                yield number, f"the link {link} leads nowhere"
            elif fragment and target.suffix == ".md" and fragment not in anchors(target.read_text()):
                yield number, f"the page has no heading for {link}"


def check_formats() -> Iterator[tuple[Path, int, str]]:
    definitions = ROOT / "src/formats/formats.def"
    if not definitions.exists():
        return
    for number, line in enumerate(definitions.read_text().splitlines(), start=1):
        found = re.match(r"\s*PYRALOG_FORMAT\(\s*(\w+)\s*\)", line)
        if found and not (ROOT / "src/formats" / found.group(1) / "README.md").exists():
            yield definitions, number, f"src/formats/{found.group(1)}/ has no page (README.md)"


def make_site() -> list[str]:
    """What mkdocs has to say, and what of the site would be fetched from elsewhere."""
    command = [sys.executable, "-m", "mkdocs", "build", "--clean"]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    said = [line for line in done.stdout.splitlines() if re.match(r"WARNING|ERROR|Traceback|\w+Error", line)]
    if done.returncode != 0 and not said:
        said = [f"mkdocs ended with {done.returncode}: {done.stdout}"]
    for page in sorted((ROOT / "build/site").rglob("*.html")):
        for url in FETCHED.findall(page.read_text()):
            said.append(f"{page.relative_to(ROOT)} fetches {url}")
    return said


def main() -> int:
    commands = set(re.findall(r"^  ([a-z][a-z-]*)(?: \|[^)]*)?\)", (ROOT / "dev").read_text(), re.MULTILINE))
    findings = [(page, line, message) for page in pages() for line, message in check_page(page, commands)]
    findings += check_formats()
    findings += [(ROOT / "mkdocs.yml", 1, message) for message in make_site()]
    for path, line, message in findings:
        print(f"{path.relative_to(ROOT)}:{line}: {message}")
    print(f"docs: {len(pages())} pages, {len(findings)} findings; the site is build/site/index.html")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
