"""A git repository as a team uses it: a bare one to fetch from, and a clone to commit in."""

import pathlib
import subprocess

import descendants

from story.narration import Narrator, StoryFailed

BRANCH = "main"
FOLDER = "endpoints"
GIT_SECONDS = 300


class Repository:
    """Created in a separate directory, with the real git and no user configuration."""

    def __init__(self, folder: pathlib.Path, environment: dict[str, str], narrator: Narrator):
        self.bare, self.clone, self.narrator = folder / "endpoints.git", folder / "clone", narrator
        self.hidden = folder / "elsewhere.git"
        person = {"NAME": "Platform Engineer", "EMAIL": "platform@example.com"}
        self.environment = environment | {
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_TERMINAL_PROMPT": "0",
            **{f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in person.items()},
        }
        folder.mkdir()
        self.git("init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(self.bare), folder=folder)
        self.git("clone", "--quiet", str(self.bare), str(self.clone), folder=folder)
        self.git("checkout", "--quiet", "-B", BRANCH)

    @property
    def url(self) -> str:
        return f"file://{self.bare}"

    @property
    def head(self) -> str:
        return self.git("rev-parse", "HEAD")

    def commit(self, name: str, text: str, message: str) -> str:
        """Commit a file with that name and content and push it; returns the commit."""
        path = self.clone / FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        self.git("add", str(path))
        self.narrator.say(f"    $ git commit -m '{message}' && git push")
        self.git("commit", "--quiet", "--message", message)
        return self.push()

    def revert(self) -> str:
        """Revert the last commit with a new one; returns the new one."""
        self.narrator.say("    $ git revert HEAD && git push")
        self.git("revert", "--no-edit", "HEAD")
        return self.push()

    def push(self) -> str:
        self.git("push", "--quiet", "origin", BRANCH)
        self.narrator.show(self.git("log", "--max-count=1", "--format=%h %s"))
        return self.head

    def hide(self) -> None:
        """Make the repository unavailable, as if the git host were down."""
        self.bare.rename(self.hidden)

    def show(self) -> None:
        self.hidden.rename(self.bare)

    def git(self, *arguments: str, folder: pathlib.Path | None = None) -> str:
        command = descendants.start(
            ["git", *arguments],
            cwd=folder or self.clone,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        output, _ = command.communicate(timeout=GIT_SECONDS)
        if command.returncode != 0:
            raise StoryFailed(f"git {arguments[0]} failed: {output.strip()}")
        return output.strip()
