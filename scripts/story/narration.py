"""Prints the story: one line per step, the checked claims, and a table at the end."""

import contextlib
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass


class StoryFailed(Exception):
    """A claim of the story is false; the message says what was seen instead."""


@dataclass
class Step:
    title: str
    began: float
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    ended: bool = False


class Narrator:
    """Prints the story and counts its claims.

    With `strict` (the test), each claim is printed; a false one is counted, and the story continues. Without it (the
    demo), only a false claim is printed, and it ends the story.
    """

    def __init__(self, strict: bool):
        self.strict = strict
        self.steps: list[Step] = []
        self.began = time.monotonic()
        colour = sys.stdout.isatty()
        self.bold, self.dim, self.red, self.plain = (
            ("\033[1m", "\033[2m", "\033[31m", "\033[0m") if colour else [""] * 4
        )

    @property
    def passed(self) -> int:
        return sum(step.passed for step in self.steps)

    @property
    def failed(self) -> int:
        return sum(step.failed for step in self.steps)

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[None]:
        step = Step(title, time.monotonic())
        self.steps.append(step)
        self.say(f"\n{self.bold}{len(self.steps):2}. {title}{self.plain}")
        try:
            yield
            step.ended = True
        except StoryFailed as failure:
            step.failed += 1
            self.say(f"    {self.red}FAILED{self.plain} {failure}")
            raise
        finally:
            step.seconds = time.monotonic() - step.began
            self.say(f"    {self.dim}({step.seconds:.1f} s){self.plain}")

    def say(self, text: str) -> None:
        print(text, flush=True)

    def show(self, line: str) -> None:
        """A line that a command printed."""
        self.say(f"    {self.dim}│{self.plain} {line}")

    def check(self, claim: str, holds: object, seen: object = None) -> None:
        """One claim of the story; `seen` is printed if it is false."""
        if holds:
            self.steps[-1].passed += 1
            if self.strict:
                self.say(f"    ok     {claim}")
            return
        words = claim if seen is None else f"{claim}; but saw: {seen}"
        if not self.strict:
            raise StoryFailed(words)
        self.steps[-1].failed += 1
        self.say(f"    {self.red}FAILED{self.plain} {words}")

    def require(self, claim: str, holds: object, seen: object = None) -> None:
        """A claim that the rest of the story depends on."""
        if not holds:
            raise StoryFailed(claim if seen is None else f"{claim}; but saw: {seen}")
        self.check(claim, holds)

    def summary(self) -> None:
        self.say(f"\n{self.bold}Summary{self.plain}")
        for number, step in enumerate(self.steps, 1):
            result = "ok" if step.ended and not step.failed else "FAILED"
            self.say(f"  {number:2}. {step.title:<84} {step.seconds:6.1f} s  {result}")
        self.say(f"      {'total':<84} {time.monotonic() - self.began:6.1f} s")
