#!/usr/bin/env python3
"""Write a LoRA adapter for a model of make-model.py: with it, the answer leaves out the sentence's first word.

    scripts/make-adapter.py DIR --base MODEL        MODEL is the folder with the model's config.json

Nothing is trained, and only Python's standard library is needed. The adapter has rank 1 and the form of Hugging Face's
PEFT. At `<|assistant|>`, the last token of a prompt, it opens one unit of the MLP, which adds many times the embedding
of the first word. The model then continues as after that word:

    <|assistant|> ─▶ " from" ─▶ " v1" ─▶ </s>
"""

import argparse
import importlib.util
import json
import pathlib
import sys
import types

TURN = "<|assistant|>"
PREFIX = "base_model.model.model.layers.0.mlp."


def make_model() -> types.ModuleType:
    """The script that writes the models, as a module."""
    path = pathlib.Path(__file__).resolve().with_name("make-model.py")
    specification = importlib.util.spec_from_file_location("make_model", path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def tensors(models: types.ModuleType, config: dict, turn: int, word: int) -> dict:
    """The tensors under the names that PEFT gives them: A reads the hidden state, B writes to it."""
    size, units = config["hidden_size"], config["intermediate_size"]
    shapes = {
        "gate_proj.lora_A": (1, size, (0, turn)),
        "gate_proj.lora_B": (units, 1, (0, 0)),
        "up_proj.lora_A": (1, size, (0, turn)),
        "up_proj.lora_B": (units, 1, (0, 0)),
        "down_proj.lora_A": (1, units, (0, 0)),
        "down_proj.lora_B": (size, 1, (word, 0)),
    }
    return {
        f"{PREFIX}{name}.weight": models.sparse(1, rows, columns, [cell])
        for name, (rows, columns, cell) in shapes.items()
    }


def adapter_config(base: pathlib.Path) -> dict:
    return {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "base_model_name_or_path": base.name,
        "r": 1,
        "lora_alpha": 1,
        "lora_dropout": 0.0,
        "bias": "none",
        "target_modules": ["gate_proj", "up_proj", "down_proj"],
    }


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write a LoRA adapter that leaves out an answer's first word.")
    parser.add_argument("folder", type=pathlib.Path, help="the output directory; must not exist")
    parser.add_argument("--base", type=pathlib.Path, required=True, metavar="MODEL", help="the folder of the model")
    parser.add_argument("--word", default="Hello", help="the first word of the model's sentence")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    base: pathlib.Path = arguments.base
    try:
        config = json.loads((base / "config.json").read_text())
        vocabulary = json.loads((base / "tokenizer.json").read_text())["model"]["vocab"]
        turn = vocabulary[TURN]
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"error: --base {base} is not the folder of a model of make-model.py: {error!r}", file=sys.stderr)
        return 1
    models = make_model()
    word = vocabulary.get(models.spelled(arguments.word))
    if word is None:
        print(f"error: the model in {base} has no token {arguments.word!r}", file=sys.stderr)
        return 1
    folder: pathlib.Path = arguments.folder
    folder.mkdir(parents=True)
    weights = models.safetensors(tensors(models, config, turn, word))
    (folder / "adapter_model.safetensors").write_bytes(weights)
    (folder / "adapter_config.json").write_text(json.dumps(adapter_config(base), indent=1))
    print(f"{folder} makes {base} leave out {arguments.word!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
