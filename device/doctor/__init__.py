"""Is this machine ready, and what to type if it is not.

Nothing here may need NumPy, OpenCV, a TFLite runtime or picamera2 to be in order: they are what is examined, each in a
process of its own.
"""
