"""The module path of real vLLM's server; see vllm_standin.py, two folders above `vllm`, for what runs."""
import os
import sys

sys.path.insert(0, os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", "..")))
import vllm_standin  # noqa: E402

vllm_standin.main(sys.argv[1:])
