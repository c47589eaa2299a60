"""Every error that edge-hwr raises on purpose.

One root, `EdgeHwrError`, so that a caller can catch them all; each child is also the builtin that fits, so that code
which knows nothing of edge-hwr still handles it. A message says what was wrong and what to do about it, in one line:
the command line prints it as it is.
"""


class EdgeHwrError(Exception):
    """The root of all errors of edge-hwr."""


class UsageError(EdgeHwrError, ValueError):
    """An argument or a setting that cannot be meant."""


class PictureError(EdgeHwrError, ValueError):
    """A picture that is missing, empty, cut short, no picture at all, or too large to be read safely."""


class BundleError(EdgeHwrError, ValueError):
    """A model bundle that is missing, damaged, of an unknown schema, or preprocessed in another way than here."""


class RuntimeMissingError(EdgeHwrError, ImportError):
    """No TFLite runtime (or another optional dependency) is installed."""


class ModelError(EdgeHwrError, RuntimeError):
    """A model that the runtime refuses to load or to run."""


class LanguageModelError(EdgeHwrError, ValueError):
    """A language model that is missing, damaged, of an unknown schema, or that cannot be built from its text."""


class DatasetError(EdgeHwrError, ValueError):
    """A dataset without header, with missing pictures, or with labels outside of the charset."""


class RecipeError(EdgeHwrError, ValueError):
    """A training recipe with unknown keys or impossible values."""


class TrainingError(EdgeHwrError, RuntimeError):
    """A training that cannot go on (loss is NaN, a run folder of another recipe, a full disk)."""


class GateError(EdgeHwrError, RuntimeError):
    """An export that loses more accuracy than was allowed; no file was written."""


class SourceError(EdgeHwrError, OSError):
    """A camera, video, stream or folder that cannot be opened or has died."""


class SourceTimeoutError(SourceError, TimeoutError):
    """A source that gave no frame before its deadline."""


class SinkError(EdgeHwrError, OSError):
    """A place for results that cannot be written to."""


class SinkEndedError(SinkError):
    """A place for results that will not take any more, however long one waits."""


class ServiceError(EdgeHwrError, OSError):
    """A system service that cannot be set up, asked or stopped."""


class FetchError(EdgeHwrError, OSError):
    """A package that cannot be fetched, or does not hold what it should."""
