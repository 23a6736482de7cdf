"""The story of the demo and the end-to-end test: setpoint, its serving plane and real vLLM on this machine."""
