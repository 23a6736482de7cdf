"""scripts/house-rules.py: a citation of docs/serving-api.md leads to a heading or a row of that page."""

import importlib.util
import pathlib
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]

# Not written as one word with a number behind it: this file is checked too.
PAGE = "serving-api.md"

FACTS = """# The serving API

The word Q99 in a sentence is no row.

## 1 Calls

### 1.7 Errors

| # | Call |
|---|---|
| E5 | replace the config |

#### E14 Logs

| # | What surprises |
|---|---|
| Q1 | a boolean that is left out |
| Q38 | a version in registration |
"""


class CitationTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        spec = importlib.util.spec_from_file_location("house_rules", ROOT / "scripts/house-rules.py")
        self.rules = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.rules)
        self.rules.ROOT = self.root
        self.write("docs/serving-api.md", FACTS)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def found(self) -> list[str]:
        return list(self.rules.findings_in_citations())

    def test_what_a_heading_or_a_row_has_may_be_cited(self):
        self.write("Sources/A.swift", f"/// Sent always ({PAGE} Q1).\n/// Whole ({PAGE} E5, 1.7 and 1).\n// {PAGE} E14\n")
        self.write("README.md", f"See [docs/{PAGE}](docs/{PAGE}) Q38, and {PAGE} for the rest.\n")
        self.assertEqual(self.found(), [])

    def test_what_the_page_does_not_have_is_told_with_its_place(self):
        self.write("Sources/Wire/A.swift", f"import B\n\n/// Sent always ({PAGE} Q99).\n")
        self.assertEqual(self.found(), ["Sources/Wire/A.swift:3: docs/serving-api.md has no Q99"])

    def test_every_number_of_a_citation_is_looked_up(self):
        self.write("Tests/A.swift", f"/// {PAGE} Q1, Q2 and 1.8\n")
        self.assertEqual(
            self.found(), [f"Tests/A.swift:1: docs/serving-api.md has no {number}" for number in ("Q2", "1.8")])

    def test_a_number_is_not_taken_for_the_beginning_of_another(self):
        self.write("Tests/A.swift", f"/// {PAGE} Q3\n/// {PAGE} 1.70\n/// {PAGE} 7.\n")
        self.assertEqual(
            self.found(), [f"Tests/A.swift:{line}: docs/serving-api.md has no {number}" for line, number in
                           ((1, "Q3"), (2, "1.70"), (3, "7"))])

    def test_a_citation_may_go_on_in_the_next_line_of_a_comment(self):
        self.write("Sources/A.swift", f"  /// As told ({PAGE}\n  /// Q99) and sent (as {PAGE} Q1,\n  /// E6 say).\n")
        self.assertEqual(
            self.found(), ["Sources/A.swift:2: docs/serving-api.md has no Q99",
                           "Sources/A.swift:3: docs/serving-api.md has no E6"])

    def test_scripts_and_other_pages_are_checked_too(self):
        self.write("docs/other.md", f"a quirk ([{PAGE}]({PAGE}) Q98)\n")
        self.write("scripts/a.py", f"# {PAGE} E99\n")
        self.write("CONTRIBUTING.md", f"({PAGE} 9.9)\n")
        self.assertEqual(len(self.found()), 3)


if __name__ == "__main__":
    unittest.main()
