#!/usr/bin/env python3
"""Checks the house rules of CONTRIBUTING.md that swift-format does not check. Prints one line per finding."""

import pathlib
import re
import sys
from collections.abc import Iterator

ROOT = pathlib.Path(__file__).resolve().parent.parent
LONGEST_LINE = 120

# Patterns that are not allowed in Sources, and the reason.
REFUSED = {
    r"\btry!": "try! ends the process on an error; throw it",
    r"\bas!": "as! ends the process on a surprise; use as?",
    r"\bfatalError\(": "fatalError ends the process; throw",
    r"\bTask\.detached\b": "a detached task has no owner; use structured concurrency",
    r"\b(class|struct|enum|actor|protocol) \w*(Manager|Helper|Utils?)\b": "name what it is, not that it helps",
    r"\b(TODO|FIXME|XXX)\b": "finish it, or file an issue",
}

# Pure targets (values in, values out), and what they may not import.
PURE = ("Endpoints", "Planning", "Scheduling", "PrometheusMetrics", "Charts", "Diagnosis", "CanonicalJSON", "Durations")
IMPURE = re.compile(r"^\s*(?:\w+ )?import (Foundation|Glibc|NIO\w*|Logging|GRDB|Subprocess)$")

# Each C library has one wrapper.
WRAPPERS = {"CYAML": "LibYAML", "CCurl": "LibCurl", "CCrypto": "LibCrypto"}
C_IMPORT = re.compile(rf"^\s*(?:\w+ )?import ({'|'.join(WRAPPERS)})$")

# The page of facts about the serving API, cited by file name and number: one number, or several separated by commas,
# "and" or "to". A citation may continue on the next line of a comment.
FACTS = "docs/serving-api.md"
NUMBER = r"(?:[QEAB]\d+|\d\.\d+|\d)(?![\w%]|\.\d)"
CITATION = re.compile(rf"serving-api\.md\)?[\s/#]+({NUMBER}(?:(?:,| and| to)[\s/#]+{NUMBER})*)")
CITING = ("Sources", "Tests", "docs", "scripts")


def files(folder: str, *suffixes: str) -> Iterator[pathlib.Path]:
    for path in sorted((ROOT / folder).rglob("*")):
        if path.suffix in suffixes and path.is_file():
            yield path


def lines(path: pathlib.Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(path.read_text().splitlines(), 1):
        yield f"{path.relative_to(ROOT)}:{number}", line


def findings_in_sources() -> Iterator[str]:
    for path in files("Sources", ".swift"):
        target = path.relative_to(ROOT / "Sources").parts[0]
        for place, line in lines(path):
            for pattern, advice in REFUSED.items():
                if re.search(pattern, line):
                    yield f"{place}: {advice}"
            if target in PURE and (found := IMPURE.match(line)):
                yield f"{place}: {target} is pure and does not import {found[1]}"
            if (found := C_IMPORT.match(line)) and WRAPPERS[found[1]] != target:
                yield f"{place}: only {WRAPPERS[found[1]]} imports {found[1]}"


def findings_in_scripts() -> Iterator[str]:
    """Checks the line lengths of Python and shell, which have no formatter here. The limit is that of Swift."""
    scripts = [*files("scripts", ".py", ".sh"), *files("Tests/e2e", ".py")]
    for path in scripts:
        if path.suffix == ".py":
            try:
                compile(path.read_text(), str(path), "exec")
            except SyntaxError as error:
                yield f"{path.relative_to(ROOT)}:{error.lineno}: {error.msg}"
        for place, line in lines(path):
            if len(line) > LONGEST_LINE:
                yield f"{place}: longer than {LONGEST_LINE} columns"


def facts() -> set[str]:
    """The numbers on the page: the first word of a heading, or the first cell of a row."""
    text = (ROOT / FACTS).read_text()
    return set(re.findall(rf"^(?:#+ |\| )({NUMBER})", text, re.MULTILINE))


def findings_in_citations() -> Iterator[str]:
    """Citations of numbers that are not on the page."""
    known = facts()
    texts = (path for folder in CITING for path in files(folder, ".swift", ".py", ".sh", ".c", ".h", ".md", ".yaml"))
    for path in sorted([*texts, *ROOT.glob("*.md")]):
        text = path.read_text()
        for citation in CITATION.finditer(text):
            for number in re.finditer(NUMBER, citation[1]):
                if number[0] not in known:
                    line = text.count("\n", 0, citation.start(1) + number.start()) + 1
                    yield f"{path.relative_to(ROOT)}:{line}: {FACTS} has no {number[0]}"


def main() -> int:
    found = [*findings_in_sources(), *findings_in_scripts(), *findings_in_citations()]
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
