"""scripts/make-adapter.py: a base that is not a model of make-model.py is refused in one line."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "scripts/make-adapter.py"


class MakeAdapterTests(unittest.TestCase):
    def refusal(self, base: pathlib.Path) -> str:
        command = [sys.executable, str(SCRIPT), str(base / "adapter"), "--base", str(base)]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual(run.returncode, 1, run.stderr)
        return run.stderr

    def test_a_folder_without_a_model_is_refused_in_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            refusal = self.refusal(pathlib.Path(folder))
            self.assertTrue(refusal.startswith(f"error: --base {folder} is not the folder of a model"), refusal)
            self.assertEqual(refusal.count("\n"), 1)

    def test_a_model_with_another_vocabulary_is_refused_in_one_line(self):
        with tempfile.TemporaryDirectory() as folder:
            base = pathlib.Path(folder)
            (base / "config.json").write_text("{}")
            (base / "tokenizer.json").write_text('{"model": {"vocab": {"Hello": 1}}}')
            self.assertEqual(self.refusal(base).count("\n"), 1)


if __name__ == "__main__":
    unittest.main()
