"""The bench of the plane's gateway beside other gateways, in front of the same canned replica."""
