"""In place of pykms, which picamera2 imports for a preview on a screen that nobody here looks at."""


class _AnyName:
    def __getattr__(self, name: str) -> str:
        return name


PixelFormat = _AnyName()
