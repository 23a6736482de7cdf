"""The parts of bench-waiting.py."""
