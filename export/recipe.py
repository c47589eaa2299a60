"""A recipe says everything that makes a model: characters, network, data, training, augmentation, export.

Recipes are TOML files. Those in `export/recipes/` ship and are found by name; anyone's own is found by its path. A key
that is unknown or a value that cannot be meant is an error that names the key and the file, never a silent default.
"""

from __future__ import annotations

import dataclasses
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from edge_hwr.errors import RecipeError

from .line_recipe import LineRecipe
from .recipe_checks import MOST_SAMPLES, ValueRefusedError, require, require_names, require_pace

SHIPPED = Path(__file__).with_name("recipes")

_MOST = 1e300
"""No number of a recipe is that large, and infinity is none."""

Backbone = Literal["plain", "separable", "residual", "vgg"]
SourceKind = Literal["mnist", "unipen", "unipen-words", "fonts", "continental", "touching", "dataset", "junk"]


@dataclass(frozen=True, slots=True)
class NetworkRecipe:
    """A backbone and the channels of its convolutions, stage by stage; each stage but the last halves the picture."""

    backbone: Backbone
    stages: tuple[tuple[int, ...], ...]
    dropout: float = 0.0

    def __post_init__(self) -> None:
        require(0 < len(self.stages) <= 4, "stages", "1 to 4 stages (28 pixels can be halved no more often)")
        require(all(self.stages), "stages", "at least one convolution in every stage")
        require(all(0 < c <= 1024 for stage in self.stages for c in stage), "stages", "channels from 1 to 1024")
        require(0 <= self.dropout < 1, "dropout", "0 <= dropout < 1")


@dataclass(frozen=True, slots=True)
class DataRecipe:
    """One source of glyphs and how often each of its samples is drawn.

    `clean` counts plain drawings of every training sample, `camera` counts drawings on paper as a camera sees them.
    Validation samples are drawn once each way, or oftener where there are few. `samples` is the most to take for
    training (0: all), and the size of a source that has none of its own (junk, continental, touching); `letters` are
    characters outside of the charset to be rejected rather than read.
    """

    source: SourceKind
    clean: int = 0
    camera: int = 0
    samples: int = 0
    letters: str = ""

    def __post_init__(self) -> None:
        require(self.clean >= 0, "clean", "0 or more")
        require(self.camera >= 0, "camera", "0 or more")
        require(self.clean + self.camera > 0, "camera", "at least one drawing per sample (clean or camera)")
        require(0 <= self.samples <= MOST_SAMPLES, "samples", f"0 to {MOST_SAMPLES:,}")
        if self.source in ("junk", "continental", "touching"):
            require(self.samples > 0, "samples", f"1 or more for {self.source}")


@dataclass(frozen=True, slots=True)
class TrainingRecipe:
    """Length and pace: `minutes` of wall time when not 0, else `epochs`; the learning rate follows a cosine over it.

    `start_from` is a run folder whose best model, of the same network, lends its weights to begin with.
    """

    epochs: int = 30
    minutes: float = 0.0
    batch: int = 256
    learning_rate: float = 3e-3
    warmup: float = 0.03
    weight_decay: float = 1e-2
    label_smoothing: float = 0.05
    average: float = 0.999
    start_from: str = ""

    def __post_init__(self) -> None:
        require_pace(self)
        require(1 <= self.batch <= 8192, "batch", "1 to 8192")
        require(0 <= self.label_smoothing < 1, "label_smoothing", "0 <= label_smoothing < 1")


@dataclass(frozen=True, slots=True)
class AugmentationRecipe:
    """Largest changes made to a glyph afresh in every epoch, in degrees, shares and pixels; `*_share` of glyphs."""

    rotation: float = 12.0
    scale: float = 0.15
    shear: float = 0.2
    shift: float = 2.0
    elastic: float = 1.2
    thicken_share: float = 0.15
    thin_share: float = 0.15
    blur_share: float = 0.15
    contrast: float = 0.3

    def __post_init__(self) -> None:
        for name, most in (("rotation", 180), ("shear", 2), ("shift", 28), ("elastic", 28)):
            require(0 <= getattr(self, name) <= most, name, f"0 to {most}")
        for name in ("scale", "contrast", "thicken_share", "thin_share", "blur_share"):
            require(0 <= getattr(self, name) < 1, name, f"0 <= {name} < 1")
        shares = self.thicken_share + self.thin_share
        require(shares <= 1, "thin_share", "thicken_share and thin_share together at most 1")


@dataclass(frozen=True, slots=True)
class DistillationRecipe:
    """Learn from trained teachers too: run folders, by path or by the name of one beside this run's, or bundles, by
    path or the name of one that ships; none by default.

    `weight` is the teachers' share of the targets, the rest is the labels'; `temperature` softens what they say. They
    are asked once about each glyph as it was drawn or, with `augmented`, about every batch as the student sees it (L.
    Beyer et al., "Knowledge distillation: a good teacher is patient and consistent", CVPR 2022), which takes longer.
    """

    teachers: tuple[str, ...] = ()
    weight: float = 0.7
    temperature: float = 1.5
    augmented: bool = False

    def __post_init__(self) -> None:
        require(len(set(self.teachers)) == len(self.teachers), "teachers", "each teacher once")
        require(0 < self.weight <= 1, "weight", "0 < weight <= 1")
        require(self.temperature > 0, "temperature", "more than 0")


@dataclass(frozen=True, slots=True)
class ExportRecipe:
    """`max_drop` in points of accuracy lost against float; `calibration` samples for quantization."""

    max_drop: float = 0.1
    calibration: int = 500
    keep_right: float = 0.99

    def __post_init__(self) -> None:
        require(self.max_drop >= 0, "max_drop", "0 or more (points of accuracy)")
        require(self.calibration > 0, "calibration", "1 or more samples")
        require(0 < self.keep_right <= 1, "keep_right", "0 < keep_right <= 1 (share of right glyphs not rejected)")


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that makes a model; two equal recipes on the same data make the same training."""

    name: str
    charset: str
    network: NetworkRecipe
    data: tuple[DataRecipe, ...]
    task: Literal["glyph"] = "glyph"
    seed: int = 1
    training: TrainingRecipe = field(default_factory=TrainingRecipe)
    augmentation: AugmentationRecipe = field(default_factory=AugmentationRecipe)
    distillation: DistillationRecipe = field(default_factory=DistillationRecipe)
    export: ExportRecipe = field(default_factory=ExportRecipe)

    def __post_init__(self) -> None:
        require(len(self.charset) >= 2, "charset", "two characters or more")
        require(len(set(self.charset)) == len(self.charset), "charset", "each character once")
        require_names(self.name, self.charset)
        require(len(self.data) > 0, "data", "at least one source")
        require(0 <= self.seed < 2**32, "seed", "0 to 4294967295")
        for entry in self.data:
            both = sorted(set(entry.letters) & set(self.charset))
            require(not both, "data.letters", f"no characters of the charset (found {''.join(both)!r})")

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def load_recipe(name_or_path: str | Path) -> Recipe | LineRecipe:
    """The recipe that ships under this name, or the one in the file at this path; RecipeError for anything amiss."""
    path = Path(name_or_path)
    if path.suffix != ".toml" and path.name == str(name_or_path):
        path = SHIPPED / f"{name_or_path}.toml"
        if not path.is_file():
            raise RecipeError(
                f"no recipe is called {str(name_or_path)!r}: shipped are {', '.join(shipped_recipes())}; "
                "give the path of a .toml file for one of your own"
            )
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise RecipeError(f"cannot read recipe {path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RecipeError(f"recipe {path} is not valid TOML: {error}") from error
    table.setdefault("name", path.stem)
    return recipe_from_json(table, where=str(path))


def recipe_from_json(table: Mapping[str, Any], *, where: str = "recipe") -> Recipe | LineRecipe:
    """The recipe in a parsed TOML or JSON table, of the task that it names; `where` names its file in errors."""
    kinds = {"glyph": Recipe, "line": LineRecipe}
    task = table.get("task", "glyph")
    if not isinstance(task, str) or task not in kinds:
        raise RecipeError(f"{where}: task = {task!r}: wanted one of {', '.join(map(repr, kinds))}")
    recipe = _convert(kinds[task], _numbering_kept_stages(table), "", where)
    assert isinstance(recipe, Recipe | LineRecipe)
    return recipe


def _numbering_kept_stages(table: Mapping[str, Any]) -> Mapping[str, Any]:
    """Models and runs of before `keep_stages` was a number say false for none, and true for all stages."""
    training, network = table.get("training"), table.get("network")
    if not isinstance(training, Mapping) or not isinstance(training.get("keep_stages"), bool):
        return table
    stages = network.get("stages") if isinstance(network, Mapping) else None
    count = len(stages) if training["keep_stages"] and isinstance(stages, list | tuple) else 0
    return {**table, "training": {**training, "keep_stages": count}}


def shipped_recipes() -> list[str]:
    """Names of the recipes that ship, sorted."""
    return sorted(path.stem for path in SHIPPED.glob("*.toml"))


def _convert(kind: Any, value: Any, key: str, where: str) -> Any:
    """`value` as `kind` (a dataclass, tuple, Literal or plain type), recursively."""
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return _convert_table(kind, value, key, where)
    origin = get_origin(kind)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_convert(get_args(kind)[0], item, f"{key}[{i}]", where) for i, item in enumerate(value))
    if origin is Literal:
        if value in get_args(kind):
            return value
        raise RecipeError(f"{where}: {key} = {value!r}: wanted one of {', '.join(map(repr, get_args(kind)))}")
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if not abs(value) < _MOST:
            raise RecipeError(f"{where}: {key} = {value!r}: wanted a finite number")
        return float(value)
    if origin is None and isinstance(value, kind) and not (isinstance(value, bool) and kind is not bool):
        return value
    wanted = "a list" if origin is tuple else kind.__name__
    raise RecipeError(f"{where}: {key} = {value!r}: wanted {wanted}")


def _convert_table(kind: Any, value: Any, key: str, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise RecipeError(f"{where}: {key or 'recipe'} = {value!r}: wanted a table")
    hints = get_type_hints(kind)
    prefix = f"{key}." if key else ""
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise RecipeError(f"{where}: unknown key {prefix}{unknown[0]}; known here: {', '.join(hints)}")
    missing = [
        f.name
        for f in dataclasses.fields(kind)
        if f.name not in value and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
    ]
    if missing:
        raise RecipeError(f"{where}: key {prefix}{missing[0]} is missing")
    converted = {name: _convert(hints[name], item, f"{prefix}{name}", where) for name, item in value.items()}
    try:
        return kind(**converted)
    except ValueRefusedError as error:
        raise RecipeError(f"{where}: {prefix}{error}") from error
