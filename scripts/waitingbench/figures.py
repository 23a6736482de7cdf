"""The figures and their bounds, and the table of them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A measured figure, which must not exceed its bound."""

    title: str
    value: float
    unit: str
    bound: float
    note: str = ""

    @property
    def met(self) -> bool:
        return self.value <= self.bound

    @property
    def cells(self) -> list[str]:
        verdict = "met" if self.met else "MISSED"
        return [self.title, f"{self.value:.1f} {self.unit}", f"{self.bound:g} {self.unit}", verdict, self.note]


def table(figures: list[Figure]) -> str:
    rows = [["figure", "measured", "at most", "", ""], *(figure.cells for figure in figures)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
