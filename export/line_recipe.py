"""Recipes of line models: the same TOML files, told by `task = "line"`, with sections of their own."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, Literal

from .recipe_checks import MOST_SAMPLES, require, require_names, require_pace

LineSourceKind = Literal["dataset", "unipen-lines", "unipen-words", "unipen-characters", "fonts", "recomposed"]


@dataclass(frozen=True, slots=True)
class LineNetworkRecipe:
    """Convolutions, stage by stage, then one that takes what is left of the height, then layers of context.

    The first two stages halve height and width, the others the height alone. `context` are the dilations of the
    depthwise-separable layers, `kernel` columns wide, of `features` channels each. `recurrent` are the units, in either
    direction, of LSTM layers above them, as CRNNs have; with such layers a model cannot be int8.
    """

    stages: tuple[tuple[int, ...], ...]
    features: int
    context: tuple[int, ...]
    recurrent: tuple[int, ...] = ()
    kernel: int = 5
    dropout: float = 0.15

    def __post_init__(self) -> None:
        require(2 <= len(self.stages) <= 4, "stages", "2 to 4 stages (the width is halved by the first two)")
        require(all(self.stages), "stages", "at least one convolution in every stage")
        require(all(0 < c <= 1024 for stage in self.stages for c in stage), "stages", "channels from 1 to 1024")
        require(0 < self.features <= 1024, "features", "channels from 1 to 1024")
        require(all(0 < dilation <= 64 for dilation in self.context), "context", "dilations from 1 to 64")
        require(all(0 < units <= 1024 for units in self.recurrent), "recurrent", "units from 1 to 1024")
        require(self.kernel % 2 == 1 and self.kernel > 1, "kernel", "an odd number of columns, 3 or more")
        require(0 <= self.dropout < 1, "dropout", "0 <= dropout < 1")


@dataclass(frozen=True, slots=True)
class LineDataRecipe:
    """One source of lines and how often each of its lines is drawn: as it is, and on paper as a camera sees it.

    `samples` is the size of sources that have none of their own: fonts, lines composed of UNIPEN's characters, and
    recomposed lines, for which `reader`, a shipped line model or a bundle's path, says where the characters of the
    scanned lines stand. What these say is drawn from the text files called `texts` ("fr" is fr.txt), or from all.

    With `hold_out` false the writers of scanned lines who are otherwise held out are learned from, too: for a last run,
    when no decision is left that they could be asked for. Then nothing that is measured on validation tells of them,
    and the model of the last epoch is kept, not the best on validation.
    """

    source: LineSourceKind
    clean: int = 0
    camera: int = 0
    samples: int = 0
    texts: tuple[str, ...] = ()
    reader: str = ""
    hold_out: bool = True

    def __post_init__(self) -> None:
        require(self.clean >= 0, "clean", "0 or more")
        require(self.camera >= 0, "camera", "0 or more")
        require(self.clean + self.camera > 0, "camera", "at least one drawing per line (clean or camera)")
        composed = self.source in ("fonts", "unipen-characters", "recomposed")
        ones = "fonts, unipen-characters and recomposed"
        require((self.samples > 0) == composed, "samples", f"1 or more for {ones}, and for them alone")
        require(self.samples <= MOST_SAMPLES, "samples", f"at most {MOST_SAMPLES:,}")
        require(composed or not self.texts, "texts", f"only for {ones}")
        require(
            bool(self.reader) == (self.source == "recomposed"), "reader", "a line model for recomposed, for it alone"
        )
        scanned = self.source in ("dataset", "recomposed")
        require(self.hold_out or scanned, "hold_out", "true but for dataset and recomposed")


@dataclass(frozen=True, slots=True)
class LineTrainingRecipe:
    """Length and pace: for `minutes` of wall time where given (more than 0), otherwise for a number of `epochs`.

    A batch has about `columns` columns of pixels, whatever the widths of its lines; an epoch is a pass over all lines,
    or as many of them as make 400 batches, by chance. `start_from` is a run folder whose best model lends
    its weights to begin with: all of them to the same network, the first layers to one that differs later. With
    `keep_stages` so many of the first stages stay as they were lent, which takes less time: half of it with all. With
    `hold_norms` the batch norms go on with the means and variances that were lent: those of augmented lines under
    dropout are not those of lines as they are read, and to get used to them costs a network that reads well already.

    `optimizer` is AdamW, or Muon for what convolutions learn (`export/muon.py`).

    A `teacher`, a run folder or bundle of the same charset, says for every step what it takes it for; to say the same
    is `teacher_share` of what is learned (after G. Hinton et al., "Distilling the knowledge in a neural network",
    2015), the text of the line the rest.

    With a `consistency` above 0 every line is seen twice in its batch, changed in two ways, and what is said of the one
    is to be said of the other, weighed so against the text (Z. Yao et al., "CR-CTC", ICLR 2025, with 0.2): half as many
    lines in the same time, and less known of them by heart.
    """

    epochs: int = 100
    minutes: float = 0.0
    columns: int = 24576
    learning_rate: float = 2e-3
    warmup: float = 0.03
    weight_decay: float = 1e-2
    average: float = 0.999
    optimizer: Literal["adamw", "muon"] = "adamw"
    start_from: str = ""
    keep_stages: int = 0
    hold_norms: bool = False
    teacher: str = ""
    teacher_share: float = 0.5
    consistency: float = 0.0

    def __post_init__(self) -> None:
        require_pace(self)
        require(1024 <= self.columns <= 2**20, "columns", "1024 to 1048576")
        require(self.keep_stages >= 0, "keep_stages", "0 or more")
        require(0 < self.teacher_share < 1, "teacher_share", "more than 0 and less than 1")
        require(0 <= self.consistency <= 1, "consistency", "0 to 1")


@dataclass(frozen=True, slots=True)
class LineAugmentationRecipe:
    """Largest changes made to a line afresh in every epoch: shares, pixels of the tensor; `*_share` of lines.

    `hide_share` of them have strips about as wide as a letter covered with grey: what is there is to be told by what is
    around it. `stretch` is of a whole line, `widths` of its letters, one by one; `proportions` are pixels by which the
    borders of ascenders, bodies and descenders move, all along a line: other hands, as far as these can be made of one.
    """

    stretch: float = 0.25
    scale: float = 0.12
    shear: float = 0.35
    slope: float = 0.012
    shift: float = 3.0
    elastic: float = 1.6
    thicken_share: float = 0.2
    thin_share: float = 0.15
    blur_share: float = 0.15
    contrast: float = 0.4
    remains_share: float = 0.15
    erase_share: float = 0.15
    hide_share: float = 0.0
    widths: float = 0.0
    proportions: float = 0.0

    def __post_init__(self) -> None:
        for name in ("shear", "slope", "shift", "elastic", "proportions"):
            require(0 <= getattr(self, name) <= 48, name, "0 to 48")
        for name in ("stretch", "widths", "scale", "contrast", "thicken_share", "thin_share", "blur_share",
                     "remains_share", "erase_share", "hide_share"):  # fmt: skip
            require(0 <= getattr(self, name) < 1, name, f"0 <= {name} < 1")
        require(self.thicken_share + self.thin_share <= 1, "thin_share", "with thicken_share at most 1")


@dataclass(frozen=True, slots=True)
class LineExportRecipe:
    """`max_drop` in points of character error rate lost against float; `calibration` lines for quantization."""

    max_drop: float = 0.3
    calibration: int = 200

    def __post_init__(self) -> None:
        require(self.max_drop >= 0, "max_drop", "0 or more (points of CER)")
        require(self.calibration > 0, "calibration", "1 or more lines")


@dataclass(frozen=True, slots=True)
class LineRecipe:
    """Everything that makes a line model; two equal recipes on the same data make the same training."""

    name: str
    charset: str
    network: LineNetworkRecipe
    data: tuple[LineDataRecipe, ...]
    task: Literal["line"] = "line"
    seed: int = 1
    training: LineTrainingRecipe = field(default_factory=LineTrainingRecipe)
    augmentation: LineAugmentationRecipe = field(default_factory=LineAugmentationRecipe)
    export: LineExportRecipe = field(default_factory=LineExportRecipe)

    def __post_init__(self) -> None:
        require(" " in self.charset, "charset", "a blank among the characters of a line")
        require(len(set(self.charset)) == len(self.charset), "charset", "each character once")
        require_names(self.name, self.charset)
        require(len(self.data) > 0, "data", "at least one source")
        require(self.training.keep_stages <= len(self.network.stages), "keep_stages", "0 to the number of stages")
        require(0 <= self.seed < 2**32, "seed", "0 to 4294967295")

    def to_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)
