"""A plane of its own for each section, so that none uses memory that another one has returned."""

import contextlib
import pathlib
import subprocess
import sys
from collections.abc import Iterator

import descendants
from story import standin
from story.manifests import ENDPOINT, MODEL
from story.narration import Narrator
from story.setpoint import Setpoint

from waitingbench import engine

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ENGINE = pathlib.Path(engine.__file__).resolve()


@contextlib.contextmanager
def plane(
    binary: pathlib.Path,
    folder: pathlib.Path,
    environment: pathlib.Path,
    narrator: Narrator,
    manifest: str,
    *options: str,
) -> Iterator[Setpoint]:
    """A plane with one endpoint, which serves."""
    folder.mkdir()
    model = folder / "model"
    command = [sys.executable, str(ROOT / "scripts/make-model.py"), str(model), "--mlflow"]
    maker = descendants.start(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    output, _ = maker.communicate()
    narrator.require("a model is created", maker.returncode == 0, seen=output)
    with contextlib.closing(Setpoint(binary, folder, environment, narrator)) as setpoint:
        setpoint.options = list(options)
        setpoint.serve()
        registered = setpoint.run("models", "register", MODEL, str(model), quiet=True)
        narrator.require("the model is registered", registered.status == 0, seen=registered)
        applied = setpoint.apply(ENDPOINT, manifest, quiet=True)
        narrator.require("the endpoint serves", applied.status == 0, seen=applied)
        yield setpoint


def holding_environment(folder: pathlib.Path) -> pathlib.Path:
    """The environment whose replicas hold requests until they are released."""
    return standin.make_environment(folder / "holding", [sys.executable, str(ENGINE)])
