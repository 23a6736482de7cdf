"""The demo's story, which is the end-to-end test too: setpoint, its serving plane and real vLLM on this machine."""
