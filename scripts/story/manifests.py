"""The manifest of the story, and an equivalent with another order of keys."""

import pathlib

ENDPOINT = "support-chat"
MODEL = "main.support.hello"
FILE = "support-chat.yaml"


def manifest(version: str, name: str = ENDPOINT) -> str:
    return f"""\
apiVersion: serving.setpoint.dev/v1alpha1
kind: ServingEndpoint
metadata:
  name: {name}
spec:
  model: {MODEL}
  entityVersion: "{version}"
  workloadType: CPU
  size: Small
  scaleToZero: false
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
