"""Put this folder's parent on PYTHONPATH, and `python -m vllm.entrypoints.openai.api_server` is the stand-in."""
