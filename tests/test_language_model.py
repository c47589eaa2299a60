"""Language models: what they say of text, their file, the command that builds one, and those that ship."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_hwr.bundle import Bundle
from edge_hwr.cli import main
from edge_hwr.errors import LanguageModelError
from edge_hwr.export.lexicon import Text, build
from edge_hwr.export.ngrams import train
from edge_hwr.language_model import (
    LanguageModel,
    open_language_model,
    shipped_language_models,
    write_language_model,
)

LINES = ("le chat est sur le mur", "la souris est sous le mur", "Où est l'été ?") * 5

lines_of_text = st.lists(st.text("abcé '", max_size=30), min_size=1, max_size=8).filter(
    lambda lines: any(map(str.strip, lines))
)


def model_of(folder: Path, *texts: tuple[str, ...], order: int = 6, size: int = 50_000) -> LanguageModel:
    charset = "".join(sorted({" "}.union(*(line for lines in texts for line in lines))))
    packed, _ = build([Text("text", lines) for lines in texts], charset, order=order, size=size)
    path = folder / "built.lexicon"
    path.write_bytes(packed)
    return open_language_model(path)


@given(lines_of_text, st.integers(1, 6), st.text("abcéx '", max_size=12))
@settings(max_examples=60)
def test_probabilities_sum_to_one_behind_any_text(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], order: int, before: str
) -> None:
    model = model_of(tmp_path_factory.mktemp("lexicon"), tuple(lines), order=order)
    context = model.start()
    for character in before:
        context = model.follow(context, character)
        assert context.probabilities.min() > 0
        assert context.probabilities.sum() == pytest.approx(1, abs=1e-4)


def test_what_was_read_is_likelier_than_what_was_not(tmp_path: Path) -> None:
    model = model_of(tmp_path, LINES)
    assert model.log2_probability("le chat") > model.log2_probability("el chta")
    assert model.log2_probability("l'été") > model.log2_probability("l'ete")
    assert -model.log2_probability(LINES[0]) / len(LINES[0]) < 1.5


def test_longer_contexts_know_more(tmp_path: Path) -> None:
    bits = [-model_of(tmp_path, LINES, order=order).log2_probability(LINES[1]) for order in (1, 2, 3, 6)]
    assert bits == sorted(bits, reverse=True)


def test_the_first_text_is_not_drowned_by_a_longer_one(tmp_path: Path) -> None:
    other = tuple(f"{word} {word}" for word in ("zzz", "xyz", "yyy")) * 2000
    mixed, alone = model_of(tmp_path, LINES, other), model_of(tmp_path, other)
    assert mixed.log2_probability(LINES[0]) > alone.log2_probability(LINES[0]) + 40
    assert mixed.log2_probability(LINES[0]) > model_of(tmp_path, LINES).log2_probability(LINES[0]) - 15


def test_another_text_is_heard_where_the_first_has_seen_nothing(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    words = ["".join(rng.choice(list("aehilmnrstu"), 7)) for _ in range(200)]
    lines = tuple(" ".join(("le chat est sur", *rng.choice(words, 2))) for _ in range(60))
    unseen = next(word for word in words if word not in " ".join(lines))
    alone, mixed = model_of(tmp_path, lines), model_of(tmp_path, lines, tuple(words) * 20)
    assert mixed.log2_probability(unseen) > alone.log2_probability(unseen) + 5


def test_what_follows_a_new_context_is_guessed_from_shorter_ones(tmp_path: Path) -> None:
    # Every line has a context of its own, so that only what is short comes again in those held out.
    rng = np.random.default_rng(1)
    lines = tuple("".join(rng.choice(list("abcdefgh"), 30)) for _ in range(100))
    model = model_of(tmp_path, lines)
    others = ["".join(rng.choice(list("abcdefgh"), 30)) for _ in range(20)]
    assert -sum(map(model.log2_probability, others)) / 600 == pytest.approx(3, abs=0.1)


def test_of_a_list_of_words_nothing_is_held_out() -> None:
    words = ["".join(letters) for letters in product("abcdefgh", repeat=4)][::7]
    levels, others = (train([words], " abcdefgh", 6, closed=closed) for closed in (True, False))
    listed = np.isin(levels[-1].keys, others[-1].keys)
    assert listed.all()
    assert levels[-1].probabilities.mean() > others[-1].probabilities.mean()


def test_a_smaller_file_keeps_what_matters_most(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    noise = tuple("".join(rng.choice(list("abcdefgh "), 40)) for _ in range(300))
    lines = LINES * 50 + noise
    small = model_of(tmp_path, lines, size=6_000)
    assert (tmp_path / "built.lexicon").stat().st_size <= 6_000
    assert -small.log2_probability(LINES[0]) / len(LINES[0]) < 1.5


def test_the_same_text_gives_the_same_bytes_on_every_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = Text("text", LINES)
    first = build([text], " " + "".join(sorted(set("".join(LINES)) - {" "})), order=4, size=9_000)
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert first == build([text], " " + "".join(sorted(set("".join(LINES)) - {" "})), order=4, size=9_000)


# The file.


@pytest.fixture
def built(tmp_path: Path) -> Path:
    model_of(tmp_path, LINES)
    return tmp_path / "built.lexicon"


def test_the_file_is_a_zip_that_says_what_it_is(built: Path) -> None:
    with zipfile.ZipFile(built) as archive:
        assert archive.testzip() is None
        assert b'"sources"' in archive.read("lexicon.json")


@given(place=st.floats(0, 1, exclude_max=True), change=st.integers(1, 255))
@settings(max_examples=40)
def test_a_changed_byte_is_noticed(tmp_path_factory: pytest.TempPathFactory, place: float, change: int) -> None:
    folder = tmp_path_factory.mktemp("lexicon")
    model_of(folder, LINES)
    path = folder / "built.lexicon"
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] ^= change
    path.write_bytes(data)
    with pytest.raises(LanguageModelError, match=r"lexicon .*: (damaged|not a language model)"):
        open_language_model(path)


@pytest.mark.parametrize("kept", [0, 10, 300, -1])
def test_a_file_that_was_cut_short_is_noticed(built: Path, kept: int) -> None:
    built.write_bytes(built.read_bytes()[:kept])
    with pytest.raises(LanguageModelError, match=r"damaged|language model"):
        open_language_model(built)


def test_a_newer_schema_says_upgrade(built: Path) -> None:
    model = open_language_model(built)
    object.__setattr__(model.metadata, "schema", 99)
    write_language_model(built, model.metadata, [])
    with pytest.raises(LanguageModelError, match=r"newer edge-hwr .*upgrade"):
        open_language_model(built)


def test_ngrams_that_do_not_fit_are_refused(built: Path) -> None:
    write_language_model(built, open_language_model(built).metadata, [])
    with pytest.raises(LanguageModelError, match="not one that edge-hwr can read"):
        open_language_model(built)


def test_missing_folder_and_alien_files_are_told_apart(tmp_path: Path) -> None:
    alien = tmp_path / "alien.lexicon"
    alien.write_bytes(b"\x00" * 500)
    for path, said in ((tmp_path / "none", "no such file, nor one that ships"), (alien, "not a language model")):
        with pytest.raises(LanguageModelError, match=said):
            open_language_model(path)
    with pytest.raises(LanguageModelError, match="directory"):
        open_language_model(tmp_path)


# What ships.


@pytest.mark.parametrize(
    ("name", "size", "right", "wrong"),
    [
        ("en", 400_000, "They thought of the weather", "Thcy thonqht of lhe wcather"),
        ("fr", 600_000, "l'hôpital où elle était née", "l'hôpitol ou elle étoit nëe"),
        ("fr", 600_000, "Guillaume Lefebvre, né à Montréal", "Guillavme Lefcbvre, nè à Montreaf"),
    ],
)
def test_a_shipped_model_is_small_credits_its_sources_and_knows_its_language(
    name: str, size: int, right: str, wrong: str
) -> None:
    model = open_language_model(name)
    path = Path(sys.modules[LanguageModel.__module__].__file__ or "").parent / "languages" / f"{name}.lexicon"
    assert path.stat().st_size <= size
    assert model.metadata.licence == "CC-BY-SA-4.0"
    assert any("wordfreq" in source for source in model.metadata.sources)
    assert model.log2_probability(right) > model.log2_probability(wrong) + 10


def test_shipped_models_prefer_their_own_language() -> None:
    assert shipped_language_models() == ["en", "fr"]
    english, french = open_language_model("en"), open_language_model("fr")
    assert english.log2_probability("through the window") > french.log2_probability("through the window")
    assert french.log2_probability("à travers la fenêtre") > english.log2_probability("à travers la fenêtre")


# The command.


@pytest.fixture
def edge_hwr(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["edge-hwr", "lexicon", *map(str, arguments)])
        with pytest.raises(SystemExit) as raised:
            main()
        captured = capsys.readouterr()
        return int(raised.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text("\n".join(LINES), "utf-8")
    return path


def test_the_command_builds_a_model_that_opens(edge_hwr, text: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    output = tmp_path / "my.lexicon"
    code, said, _ = edge_hwr(text, text, "-o", output, "--order", 3, "--weight", 0.7, "--bonus", 2.5)
    assert code == 0
    assert re.fullmatch(r".*my\.lexicon: [\d,]+ bytes, [\d,]+ n-grams of \d+ characters\n", said)
    model = open_language_model(output)
    assert model.metadata.order == 3
    assert model.metadata.sources == [str(text), str(text)]
    assert (model.metadata.weight, model.metadata.bonus) == (0.7, 2.5)
    assert model.words == ()


def test_a_folder_that_is_not_there_is_named(edge_hwr, text: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    output = tmp_path / "nowhere" / "my.lexicon"
    code, _, error = edge_hwr(text, "-o", output)
    assert code != 0
    assert error == f"edge-hwr: error: --output {output}: there is no folder {output.parent}: make it first\n"


def test_a_file_of_another_kind_is_not_written_over(edge_hwr, text: Path, tmp_path: Path) -> None:
    model = tmp_path / "my.tflite"
    model.write_bytes(b"a model")
    code, _, error = edge_hwr(text, "-o", model)
    assert code != 0
    assert error == f"edge-hwr: error: --output {model}: a language model's file is called *.lexicon\n"
    assert model.read_bytes() == b"a model"


def test_a_text_is_not_written_over(edge_hwr, text: Path) -> None:  # type: ignore[no-untyped-def]
    before = text.read_bytes()
    code, _, error = edge_hwr(text, "-o", text.parent / ".." / text.parent.name / text.name)
    assert code != 0
    assert "is one of the texts" in error
    assert text.read_bytes() == before


def test_a_model_is_not_written_over(edge_hwr, text: Path, drawn_bundle: Bundle, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    model = tmp_path / "model.tflite"
    model.write_bytes(before := drawn_bundle.path.read_bytes())
    code, _, error = edge_hwr(text, "-o", model, "--charset-of", model, "--skip")
    assert code != 0
    assert "is the model" in error
    assert model.read_bytes() == before


def test_lines_between_paragraphs_are_nothing_that_was_written(edge_hwr, text: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    edge_hwr(text, "-o", tmp_path / "dense.lexicon")
    text.write_text("\n\n\n".join(LINES), "utf-8")
    edge_hwr(text, "-o", tmp_path / "loose.lexicon")
    assert (tmp_path / "dense.lexicon").read_bytes() == (tmp_path / "loose.lexicon").read_bytes()


def test_the_text_is_composed_first(edge_hwr, text: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text.write_bytes("\ufeffe\u0301te\u0301\r\n".encode())
    assert edge_hwr(text, "-o", tmp_path / "my.lexicon")[0] == 0
    assert open_language_model(tmp_path / "my.lexicon").metadata.charset == " té"


def test_typography_is_reduced_to_what_is_written_by_hand(edge_hwr, text: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text.write_text("L\u2019Assomption\u00a0\u2013 \u201cville\u201d\u2026\rMontr\u00e9al\r", "utf-8")
    assert edge_hwr(text, "--words", "-o", tmp_path / "my.lexicon")[0] == 0
    assert open_language_model(tmp_path / "my.lexicon").words == ('L\'Assomption - "ville"...', "Montr\u00e9al")


def test_entries_left_out_of_a_list_are_told(edge_hwr, text: Path, tmp_path: Path, drawn_bundle: Bundle) -> None:  # type: ignore[no-untyped-def]
    text.write_text("12\n5\u03c0\n34\n", "utf-8")
    options = ("--words", "--charset-of", drawn_bundle.path, "--skip", "-o", tmp_path / "my.lexicon")
    code, _, error = edge_hwr(text, *options)
    assert code == 0
    assert error == "1 of 3 entries left out, '5\u03c0' the first\n"
    assert open_language_model(tmp_path / "my.lexicon").words == ("12", "34")


def test_a_link_stays_a_link_and_a_pipe_a_pipe(edge_hwr, text: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    link, pipe = tmp_path / "link.lexicon", tmp_path / "pipe.lexicon"
    link.symlink_to(tmp_path / "real.lexicon")
    assert edge_hwr(text, "-o", link)[0] == 0
    assert link.is_symlink()
    assert open_language_model(tmp_path / "real.lexicon").words == ()
    os.mkfifo(pipe)
    code, _, error = edge_hwr(text, "-o", pipe)
    assert code != 0
    assert "not a file" in error
    assert pipe.is_fifo()


def test_a_list_of_words_goes_into_the_file(edge_hwr, text: Path, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    text.write_text("Paris\nNew  York\n\nParis\n", "utf-8")
    assert edge_hwr(text, "--words", "-o", tmp_path / "my.lexicon")[0] == 0
    assert open_language_model(tmp_path / "my.lexicon").words == ("Paris", "New York")


def test_characters_that_a_model_cannot_read(edge_hwr, text: Path, tmp_path: Path, drawn_bundle: Bundle) -> None:  # type: ignore[no-untyped-def]
    text.write_text("12 34\n5π6π\n", "utf-8")
    output = tmp_path / "my.lexicon"
    options = ("--charset-of", drawn_bundle.path, "-o", output)
    code, _, said = edge_hwr(text, *options)
    assert code == 1
    assert "2 characters that" in said
    assert "the first 'π' (U+03C0)" in said
    assert f"in {text}, line 2" in said
    assert not output.exists()
    assert edge_hwr(text, *options, "--skip")[0] == 0
    assert open_language_model(output).metadata.charset == " 123456"


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        (None, (), "No such file"),
        (b"", (), "no text in it"),
        (b" \n\t\n", (), "no text in it"),
        (b"caf\xe9", (), "not UTF-8 at byte 3"),
        (b"a\x00b", (), "that cannot be written, the first (U+0000)"),
        ("".join(map(chr, range(0x4E00, 0x4F00))).encode(), (), "255 at most"),
        (b"\x00\x01", ("--skip",), "no character of the texts is in the charset"),
        (b"abc", ("--order", "7"), "--order"),
        (b"abc", ("--weight", "nan"), "not a finite number"),
        (b"abc", ("--bonus", "99"), "--bonus"),
        (b"abc", ("--charset-of", "no-such-model"), "no such file, nor a model that ships"),
    ],
)
def test_what_cannot_be_built_is_said_in_one_line(edge_hwr, tmp_path: Path, content, options, said: str) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "text.txt"
    if content is not None:
        path.write_bytes(content)
    code, _, error = edge_hwr(path, "-o", tmp_path / "my.lexicon", *options)
    assert code in (1, 2)
    assert re.fullmatch(r"edge-hwr: error: [^\n]+\n", error)
    assert said in error
    assert not (tmp_path / "my.lexicon").exists()


def test_building_loads_no_tensorflow(text: Path, tmp_path: Path) -> None:
    program = (
        "import sys; from edge_hwr.cli import main\n"
        f"sys.argv = ['edge-hwr', 'lexicon', {str(text)!r}, '-o', {str(tmp_path / 'my.lexicon')!r}]\n"
        "try: main()\n"
        "finally: print(sorted({'tensorflow', 'keras'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.endswith("[]\n")
