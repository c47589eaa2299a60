"""The device side: camera frames in, text out, in real time."""
