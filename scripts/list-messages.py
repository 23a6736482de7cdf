#!/usr/bin/env python3
"""List every string of Sources that a user may see: messages, help, log lines, findings.

    scripts/list-messages.py [--plain] [FOLDER…]      FILE:LINE: TEXT; strings joined by + are one; … for interpolations

For reviewing texts without the surrounding code. A string counts as text if it has a space or a capital letter; SQL,
header names, keys and paths are omitted if they can be recognized.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def literals(text: str):
    """(offset, value, end) of each string literal; interpolations become …"""
    position, length = 0, len(text)
    while position < length:
        two = text[position : position + 2]
        if two == "//":
            position = text.find("\n", position)
            if position < 0:
                return
        elif two == "/*":
            position = text.find("*/", position) + 2
        elif text[position] in '"#':
            found = re.compile(r'(#*)("""|")').match(text, position)
            if not found:
                position += 1
                continue
            value, end = literal(text, found.end(), found[2], found[1])
            yield position, value, end
            position = end
        else:
            position += 1


def literal(text: str, position: int, quote: str, hashes: str):
    escape, closing = "\\" + hashes, quote + hashes
    value = []
    while position < len(text) and not text.startswith(closing, position):
        if text.startswith(escape, position):
            position += len(escape)
            if text[position] == "(":
                position = interpolation(text, position + 1)
                value.append("…")
            else:
                value.append({"n": "\n", "t": "\t", '"': '"', "\\": "\\"}.get(text[position], ""))
                position += 1
        else:
            value.append(text[position])
            position += 1
    return "".join(value), position + len(closing)


def interpolation(text: str, position: int) -> int:
    depth = 1
    while depth:
        if text[position] == '"':
            position = literal(text, position + 1, '"', "")[1]
            continue
        depth += {"(": 1, ")": -1}.get(text[position], 0)
        position += 1
    return position


def messages(text: str):
    joined, line, last = "", 0, -1
    for start, value, end in literals(text):
        between = text[last:start] if last >= 0 else ""
        if joined and re.fullmatch(r"\s*\+\s*", between):
            joined += value
        else:
            if joined:
                yield line, joined
            joined, line = value, text.count("\n", 0, start) + 1
        last = end
    if joined:
        yield line, joined


NOT_WORDS = re.compile(r"^(SELECT|INSERT|UPDATE|DELETE|CREATE|PRAGMA|ALTER|BEGIN|DROP|[A-Z_0-9.]+$|[\w.-]+/[\w./…-]*$)")


def is_words(value: str) -> bool:
    return bool(re.search(r"[a-z]{2,}.* |^[A-Z][a-z]+[.:]?$", value)) and not NOT_WORDS.match(value.strip())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", action="store_true", help="without FILE:LINE")
    parser.add_argument("folders", nargs="*", default=["Sources"])
    asked = parser.parse_args()
    for folder in asked.folders:
        for path in sorted((ROOT / folder).rglob("*.swift")):
            for line, value in messages(path.read_text()):
                if is_words(value):
                    place = "" if asked.plain else f"{path.relative_to(ROOT)}:{line}: "
                    print(place + value.strip().replace("\n", "\\n"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
