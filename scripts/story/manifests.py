"""The manifest of the story, and an equivalent with another order of keys."""

import pathlib

ENDPOINT = "support-chat"
MODEL = "main.support.hello"
FILE = "support-chat.yaml"


def manifest(version: str, name: str = ENDPOINT, size: str = "Small", plane: str | None = None) -> str:
    """With settings of its own for the plane, such as `idleAfter: 5s`, the endpoint scales to zero."""
    scaling = "false" if plane is None else f"true\n  plane: {{{plane}}}"
    return f"""\
apiVersion: serving.setpoint.dev/v1alpha1
kind: ServingEndpoint
metadata:
  name: {name}
spec:
  model: {MODEL}
  entityVersion: "{version}"
  workloadType: CPU
  size: {size}
  scaleToZero: {scaling}
"""


def shuffled_manifest(version: str) -> str:
    """An equivalent manifest: keys in another order, and other styles of quotes and mappings."""
    return f"""\
spec: {{scaleToZero: false, size: Small, entityVersion: '{version}', workloadType: CPU, model: {MODEL}}}
metadata: {{name: "{ENDPOINT}"}}
kind: ServingEndpoint
apiVersion: serving.setpoint.dev/v1alpha1
"""


def write(folder: pathlib.Path, text: str) -> None:
    (folder / FILE).write_text(text)
