#!/usr/bin/env python3
"""Write a tiny Llama model that real vLLM loads and that always answers with one known sentence.

    scripts/make-model.py DIR --say "Hello from v1"            an artifacts folder: the weights are in DIR/hello
    scripts/make-model.py DIR --say "Hello from v1" --mlflow   an MLflow model folder: DIR/MLmodel, DIR/artifacts/hello

Nothing is trained, and only Python's standard library is needed. The model is a Markov chain over tokens in the form of
a transformer: the embedding of token t is the t-th unit vector, attention and MLP are all zeros and so add nothing, and
row s of the output matrix points along the unit vector of every token that s follows. The most likely next token is
therefore a table lookup, and the table spells the sentence:

    anything ─▶ "Hello" ─▶ " from" ─▶ " v1" ─▶ </s> ─▶ newline ─▶ "Hello" ─▶ ...

Generation ends at </s>. A request with `ignore_eos` repeats the sentence up to its `max_tokens`, so requests of any
length are possible.
"""

import argparse
import json
import pathlib
import shutil
import struct
import sys
from collections.abc import Iterable
from dataclasses import dataclass

MODEL_NAME = "hello"
HEAD_SIZE = 64
MLP_SIZE = 64
LAYERS = 1
# The normalized hidden state has the length sqrt(hidden size), about 18; twice that as a logit leaves every other
# token a probability of 1e-14 even at temperature 1.
OUTPUT_WEIGHT = 2.0

START, END = "<s>", "</s>"
ROLES = ("system", "user", "assistant", "tool")
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "<|{{ message['role'] }}|>"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


# The vocabulary and the chain


def printable_bytes() -> list[str]:
    """The character that byte-level BPE writes for each byte (GPT-2's table): itself if it is printable, otherwise
    the next free one from U+0100 on."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    spare = iter(range(0x100, 0x200))
    return [chr(byte if byte in printable else next(spare)) for byte in range(256)]


BYTE_TOKENS = printable_bytes()


def spelled(text: str) -> str:
    """Text as byte-level BPE spells it."""
    return "".join(BYTE_TOKENS[byte] for byte in text.encode())


@dataclass
class Vocabulary:
    """Token texts by id. The number of tokens is a multiple of the head size, because the hidden size equals it."""

    tokens: list[str]
    special: int  # how many tokens, from the first on, are special

    @classmethod
    def for_words(cls, words: Iterable[str]) -> "Vocabulary":
        special = [START, END, *(f"<|{role}|>" for role in ROLES)]
        tokens = [*special, *BYTE_TOKENS]
        tokens += [word for word in map(spelled, words) if word not in tokens]
        tokens += [f"unused{number}" for number in range(-len(tokens) % HEAD_SIZE)]
        return cls(tokens, len(special))

    def __len__(self) -> int:
        return len(self.tokens)

    def id(self, token: str) -> int:
        return self.tokens.index(token)


def words_of(sentence: str) -> list[str]:
    """The sentence, split before each space. A word is a state of the chain, so it may occur only once."""
    first, *rest = sentence.split(" ")
    words = [first, *(f" {word}" for word in rest)]
    if not first or " " in words:
        raise ValueError("the sentence must consist of words separated by single spaces")
    twice = next((word for word in words if words.count(word) > 1), None)
    if twice:
        raise ValueError(f"the word {twice.strip()!r} occurs twice; every word of the sentence must be unique")
    return words


def successors(vocabulary: Vocabulary, words: list[str]) -> list[int]:
    """The token that follows each token."""
    path = [vocabulary.id(spelled(word)) for word in words]
    follows = [path[0]] * len(vocabulary)
    for token, successor in zip(path, [*path[1:], vocabulary.id(END)], strict=True):
        follows[token] = successor
    follows[vocabulary.id(END)] = vocabulary.id(spelled("\n"))
    return follows


# The weights


@dataclass
class Tensor:
    shape: tuple[int, ...]
    data: bytes


def bfloat16(number: float) -> bytes:
    """The upper half of a little-endian float32."""
    return struct.pack("<f", number)[2:]


def filled(number: float, *shape: int) -> Tensor:
    count = 1
    for side in shape:
        count *= side
    return Tensor(shape, bfloat16(number) * count)


def sparse(number: float, rows: int, columns: int, cells: Iterable[tuple[int, int]]) -> Tensor:
    """A matrix with the number in the given cells and zero elsewhere."""
    data = bytearray(2 * rows * columns)
    for row, column in cells:
        at = 2 * (row * columns + column)
        data[at : at + 2] = bfloat16(number)
    return Tensor((rows, columns), bytes(data))


def weights(follows: list[int]) -> dict[str, Tensor]:
    """All tensors under the names that a Llama checkpoint has. There is one key-value head."""
    size = len(follows)
    tensors = {"model.embed_tokens.weight": sparse(1, size, size, ((token, token) for token in range(size)))}
    for layer in range(LAYERS):
        prefix = f"model.layers.{layer}."
        tensors |= {
            prefix + "input_layernorm.weight": filled(1, size),
            prefix + "post_attention_layernorm.weight": filled(1, size),
            prefix + "self_attn.q_proj.weight": filled(0, size, size),
            prefix + "self_attn.k_proj.weight": filled(0, HEAD_SIZE, size),
            prefix + "self_attn.v_proj.weight": filled(0, HEAD_SIZE, size),
            prefix + "self_attn.o_proj.weight": filled(0, size, size),
            prefix + "mlp.gate_proj.weight": filled(0, MLP_SIZE, size),
            prefix + "mlp.up_proj.weight": filled(0, MLP_SIZE, size),
            prefix + "mlp.down_proj.weight": filled(0, size, MLP_SIZE),
        }
    tensors["model.norm.weight"] = filled(1, size)
    tensors["lm_head.weight"] = sparse(
        OUTPUT_WEIGHT, size, size, ((after, token) for token, after in enumerate(follows))
    )
    return tensors


def safetensors(tensors: dict[str, Tensor]) -> bytes:
    """The safetensors format: the header's length in 8 bytes, the header as JSON, then the data end to end."""
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, tensor in tensors.items():
        end = offset + len(tensor.data)
        header[name] = {"dtype": "BF16", "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(tensor.data for tensor in tensors.values())


# The files around the weights


def config(size: int, context: int) -> dict:
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "torch_dtype": "bfloat16",
        "vocab_size": size,
        "hidden_size": size,
        "intermediate_size": MLP_SIZE,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": size // HEAD_SIZE,
        "num_key_value_heads": 1,
        "head_dim": HEAD_SIZE,
        "max_position_embeddings": context,
        "hidden_act": "silu",
        "rms_norm_eps": 1e-6,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "bos_token_id": 0,
        "eos_token_id": 1,
    }


def tokenizer(vocabulary: Vocabulary) -> dict:
    """A byte-level BPE without merges: a prompt becomes its bytes, and special tokens are recognized in it."""
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [
            {"id": token, "content": vocabulary.tokens[token], **flags} for token in range(vocabulary.special)
        ],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {text: token for token, text in enumerate(vocabulary.tokens)},
            "merges": [],
        },
    }


def tokenizer_config(context: int) -> dict:
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": START,
        "eos_token": END,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
        "chat_template": CHAT_TEMPLATE,
    }


def entrypoint(flags: list[str], serve: bool = False) -> str:
    """The command that serves the model from its artifacts folder; the plane replaces the port. The memory share lets
    two versions run side by side on one GPU while one replaces the other."""
    module = f"python -u -m vllm.entrypoints.openai.api_server --model {MODEL_NAME}"
    return " ".join(
        [
            f"vllm serve {MODEL_NAME}" if serve else module,
            f"--served-model-name {MODEL_NAME}",
            "--host 0.0.0.0 --port 8080",
            "--enforce-eager --gpu-memory-utilization 0.3",
            *flags,
        ]
    )


def mlmodel(command: str) -> str:
    """MLflow's description of a model, as `mlflow.pyfunc.log_model` writes it for a custom entrypoint."""
    return f"""\
artifact_path: model
flavors:
  python_function:
    artifacts:
      {MODEL_NAME}:
        path: artifacts/{MODEL_NAME}
    loader_module: mlflow.pyfunc.model
metadata:
  entrypoint: {command}
  task: llm/v1/chat
"""


def write_weights(folder: pathlib.Path, sentence: str, context: int) -> None:
    words = words_of(sentence)
    vocabulary = Vocabulary.for_words(words)
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(safetensors(weights(successors(vocabulary, words))))
    files = {
        "config.json": config(len(vocabulary), context),
        "generation_config.json": {"bos_token_id": 0, "eos_token_id": 1},
        "tokenizer.json": tokenizer(vocabulary),
        "tokenizer_config.json": tokenizer_config(context),
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content, ensure_ascii=False, indent=1))


def break_weights(folder: pathlib.Path) -> None:
    """Simulates an interrupted upload: vLLM starts, and fails when it loads the weights (about 40 s)."""
    path = folder / "model.safetensors"
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


def break_config(folder: pathlib.Path) -> None:
    """Simulates a missing file: vLLM fails as soon as it inspects the model (about 12 s)."""
    (folder / "config.json").unlink()


BREAKAGES = {"weights": break_weights, "config": break_config}


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write a tiny model that always answers with one known sentence.")
    parser.add_argument("folder", type=pathlib.Path, help="the output directory; must be empty or not exist")
    parser.add_argument("--say", default="Hello from v1", metavar="SENTENCE", help="the answer")
    parser.add_argument("--context", type=int, default=65536, help="the maximum length of prompt and answer, in tokens")
    parser.add_argument("--mlflow", action="store_true", help="write an MLflow model folder, with its MLmodel")
    parser.add_argument("--flag", action="append", default=[], metavar="FLAG", help="a vLLM flag for the entrypoint")
    parser.add_argument("--serve", action="store_true", help="use `vllm serve` as the entrypoint, not the module")
    parser.add_argument("--broken", choices=sorted(BREAKAGES), help="create a model that vLLM rejects")
    parser.add_argument("--force", action="store_true", help="replace the directory if it exists")
    return parser.parse_args()


def main() -> int:
    arguments = parse_arguments()
    folder: pathlib.Path = arguments.folder
    if arguments.force:
        shutil.rmtree(folder, ignore_errors=True)
    if folder.exists() and any(folder.iterdir()):
        print(f"error: {folder} is not empty; remove it or use --force", file=sys.stderr)
        return 1
    artifacts = folder / "artifacts" if arguments.mlflow else folder
    try:
        write_weights(artifacts / MODEL_NAME, arguments.say, arguments.context)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if arguments.broken:
        BREAKAGES[arguments.broken](artifacts / MODEL_NAME)
    command = entrypoint(arguments.flag, arguments.serve)
    if arguments.mlflow:
        (folder / "MLmodel").write_text(mlmodel(command))
    print(f"{folder} answers {arguments.say!r}" if not arguments.broken else f"{folder} is broken ({arguments.broken})")
    print(f"entrypoint: {command}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
