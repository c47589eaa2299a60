"""Decoding of CTC scores: greedy against its definition, beam search against brute force, spans, words, languages."""

from __future__ import annotations

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from edge_hwr.ctc import decode_beam, decode_greedy, decode_sections
from edge_hwr.errors import UsageError
from edge_hwr.export.lexicon import Text, build
from edge_hwr.language_model import LanguageModel, open_language_model

LABELS = ("a", "b", " ")


def scores_of(steps: int, spread: float) -> st.SearchStrategy[NDArray[np.float32]]:
    values = st.floats(-spread, spread, width=32)
    return arrays(np.float32, (steps, len(LABELS) + 1), elements=values)


any_scores = st.integers(0, 12).flatmap(lambda steps: scores_of(steps, 20))
tiny_scores = st.integers(1, 5).flatmap(lambda steps: scores_of(steps, 2))


def collapse(path: tuple[int, ...]) -> str:
    blank = len(LABELS)
    return "".join(LABELS[label] for label, _ in itertools.groupby(path) if label != blank)


def softmax(scores: NDArray[np.float32]) -> NDArray[np.float64]:
    exponentials = np.exp(scores.astype(np.float64))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def probabilities_of_texts(scores: NDArray[np.float32]) -> dict[str, float]:
    """Of every text there is, by adding up all its paths."""
    probabilities = softmax(scores)
    texts: dict[str, float] = {}
    for path in itertools.product(range(scores.shape[1]), repeat=len(scores)):
        probability = math.prod(probabilities[step, label] for step, label in enumerate(path))
        texts[collapse(path)] = texts.get(collapse(path), 0.0) + probability
    return texts


def made_of(text: str, words: set[str]) -> bool:
    return text in words or any(text.startswith(f"{word} ") and made_of(text[len(word) + 1 :], words) for word in words)


def emit(text: str, labels: tuple[str, ...], sure: float = 8.0) -> NDArray[np.float32]:
    """Scores that plainly say a text: two steps of each character, and a blank behind it."""
    scores = np.zeros((3 * len(text), len(labels) + 1), np.float32)
    for position, character in enumerate(text):
        scores[3 * position : 3 * position + 2, labels.index(character)] = sure
        scores[3 * position + 2, -1] = sure
    return scores


@given(any_scores)
@settings(deadline=None)
def test_greedy_is_the_collapse_of_the_best_class_of_each_step(scores: NDArray[np.float32]) -> None:
    assert decode_greedy(scores, LABELS).text == collapse(tuple(scores.argmax(axis=1).tolist()))


@given(any_scores)
@settings(deadline=None)
@pytest.mark.parametrize("decode", [decode_greedy, decode_sections, decode_beam])
def test_characters_spell_the_text_in_order_and_inside_the_line(decode: object, scores: NDArray[np.float32]) -> None:
    decoded = decode(scores, LABELS)  # type: ignore[operator]
    assert "".join(character.text for character in decoded.characters) == decoded.text
    before = -1
    for character in decoded.characters:
        assert before < character.first_step <= character.last_step < len(scores)
        assert 0 <= character.confidence <= 1
        before = character.last_step
    assert 0 <= decoded.confidence <= 1


@given(any_scores)
@settings(deadline=None)
def test_the_confidence_of_a_line_is_that_of_its_best_path_for_each_character(scores: NDArray[np.float32]) -> None:
    decoded = decode_greedy(scores, LABELS)
    best = softmax(scores).max(axis=1).prod()
    assert decoded.confidence ** max(1, len(decoded.text)) == pytest.approx(best, rel=1e-3)


@given(tiny_scores)
@settings(max_examples=60)
def test_a_wide_beam_finds_what_trying_every_text_finds(scores: NDArray[np.float32]) -> None:
    texts = probabilities_of_texts(scores)
    found = decode_beam(scores, LABELS, width=1000).text
    assert texts[found] >= max(texts.values()) * (1 - 1e-3)


@given(st.lists(scores_of(2, 1.5), min_size=1, max_size=4))  # none of whose blanks is sure itself
@settings(max_examples=60, deadline=None)
def test_between_sure_blanks_the_most_probable_text_is_read(sections: list[NDArray[np.float32]]) -> None:
    sure = np.array([[0, 0, 0, 12]], np.float32)
    decoded = decode_sections(np.concatenate([part for section in sections for part in (section, sure)]), LABELS)
    read = ["" for _ in sections]
    for character in decoded.characters:
        assert character.first_step // 3 == character.last_step // 3, "no character reaches over a sure blank"
        read[character.first_step // 3] += character.text
    for section, text in zip(sections, read, strict=True):
        texts = probabilities_of_texts(section)
        assert texts[text] >= max(texts.values()) * (1 - 1e-3)


def test_a_character_that_two_steps_take_for_different_ones_is_written_once() -> None:
    torn = np.log([[0.44, 0.46, 0.05, 0.05], [0.6, 0.3, 0.05, 0.05]]).astype(np.float32)
    line = np.concatenate([emit("ab", LABELS), torn, emit(" b", LABELS)[2:]])
    assert decode_greedy(line, LABELS).text == "abbab"
    decoded = decode_sections(line, LABELS)
    assert decoded.text == "abab"
    assert (decoded.characters[2].first_step, decoded.characters[2].last_step) == (6, 7)


def test_a_character_that_is_interrupted_by_a_doubtful_blank_is_written_once() -> None:
    interrupted = np.log([[0.5, 0.05, 0.05, 0.4], [0.4, 0.05, 0.05, 0.5], [0.5, 0.05, 0.05, 0.4]]).astype(np.float32)
    assert decode_greedy(interrupted, LABELS).text == "aa"
    assert decode_sections(interrupted, LABELS).text == decode_beam(interrupted, LABELS).text == "a"


def test_what_is_in_doubt_for_too_long_is_left_to_the_best_path() -> None:
    torn = np.log([[0.44, 0.46, 0.05, 0.05], [0.6, 0.3, 0.05, 0.05]]).astype(np.float32)
    endless = np.concatenate([torn] * 13)
    assert decode_sections(endless, LABELS) == decode_greedy(endless, LABELS)


@given(tiny_scores, st.sets(st.text("ab", min_size=1, max_size=3) | st.just("a b"), min_size=1, max_size=4))
@settings(max_examples=60)
def test_words_are_the_only_texts_that_come_out(scores: NDArray[np.float32], words: set[str]) -> None:
    texts = {text: probability for text, probability in probabilities_of_texts(scores).items() if made_of(text, words)}
    found = decode_beam(scores, LABELS, width=1000, words=sorted(words))
    if texts:
        assert texts[found.text] >= max(texts.values()) * (1 - 1e-3)
    else:
        assert (found.text, found.confidence) == ("", 0.0)


@given(st.text("abc d", max_size=20))
@settings(deadline=None)
def test_the_beam_reads_what_is_plain_like_greedy_does(text: str) -> None:
    labels = ("a", "b", "c", "d", " ")
    scores = emit(text, labels) if text else np.zeros((0, 6), np.float32)
    assert decode_beam(scores, labels) == decode_sections(scores, labels) == decode_greedy(scores, labels)
    assert decode_greedy(scores, labels).text == text


def test_spans_are_the_steps_that_say_the_character() -> None:
    decoded = decode_greedy(emit("ab", LABELS), LABELS)
    assert [(character.first_step, character.last_step) for character in decoded.characters] == [(0, 1), (3, 4)]


def test_a_higher_temperature_makes_less_sure() -> None:
    scores = emit("ab a", LABELS, sure=4.0)
    sure, unsure = decode_greedy(scores, LABELS), decode_greedy(scores / 2, LABELS)
    assert sure.text == unsure.text
    assert sure.confidence > unsure.confidence
    assert sure.characters[0].confidence > unsure.characters[0].confidence


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return english_model(tmp_path_factory.mktemp("lexicon"))


def english_model(folder: Path, **options: float) -> LanguageModel:
    lines = ("the cat sat on the mat", "the hat of the man", "that is the man") * 20
    charset = "".join(sorted(set("".join(lines))))
    packed, _ = build([Text("lines", lines)], charset, order=5, size=50_000, **options)
    path = folder / "english.lexicon"
    path.write_bytes(packed)
    return open_language_model(path)


def doubtful(text: str, labels: tuple[str, ...], position: int, other: str, by: float) -> NDArray[np.float32]:
    """Scores of a text where another character is a little more likely at one position."""
    scores = emit(text, labels)
    scores[3 * position : 3 * position + 2, labels.index(other)] = 8.0 + by
    return scores


def test_a_language_model_settles_what_the_eye_cannot(english: LanguageModel) -> None:
    labels = (*english.metadata.charset, "b", "l", "k")
    scores = doubtful("the hat", labels, 2, "c", by=0.3)
    assert decode_greedy(scores, labels).text == "thc hat"
    assert decode_beam(scores, labels).text == "thc hat"
    assert decode_beam(scores, labels, language_model=english).text == "the hat"


def test_a_language_model_counts_as_much_as_its_file_says(tmp_path: Path) -> None:
    for weight, bonus, read in ((0.0, 0.0, "thc hat"), (0.7, 2.0, "the hat")):
        model = english_model(tmp_path, weight=weight, bonus=bonus)
        labels = (*model.metadata.charset, "b", "l", "k")
        scores = doubtful("the hat", labels, 2, "c", by=0.3)
        assert decode_beam(scores, labels, language_model=model).text == read


def test_a_language_model_does_not_talk_over_what_is_plain(english: LanguageModel) -> None:
    labels = (*english.metadata.charset, "b", "l", "k")
    for text in ("the bat", "that is all", "kkk"):
        assert decode_beam(emit(text, labels, sure=14.0), labels, language_model=english).text == text


def test_words_correct_a_form_and_say_how_sure_they_are() -> None:
    labels = tuple("LParisyonNwYek ")
    words = ("Paris", "Lyon", "New", "New York", "York")
    scores = doubtful("Lyon", labels, 1, "a", by=2.0)
    decoded = decode_beam(scores, labels, words=words)
    assert decoded.text == "Lyon"
    assert decoded.characters[1].confidence < 0.2 < decoded.characters[0].confidence
    for text in ("Paris Lyon", "New York", "New Paris", "New New York Lyon"):
        assert decode_beam(emit(text, labels), labels, words=words).text == text
    assert decode_beam(emit("Paris ", labels), labels, words=words).text == "Paris"


def test_a_list_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(UsageError, match="none of the lexicon's words"):
        decode_beam(emit("a", LABELS), LABELS, words=["éé", ""])


@pytest.mark.parametrize("decode", [decode_greedy, decode_sections, decode_beam])
def test_scores_of_another_network_are_refused(decode: object) -> None:
    with pytest.raises(UsageError, match="do not fit 3 labels"):
        decode(np.zeros((5, 9), np.float32), LABELS)  # type: ignore[operator]


def test_a_beam_without_width_is_refused() -> None:
    with pytest.raises(UsageError, match="width 0"):
        decode_beam(emit("a", LABELS), LABELS, width=0)


def test_a_long_line_neither_underflows_nor_hangs() -> None:
    text = "ab a" * 600
    scores = emit(text, LABELS, sure=3.0)
    assert decode_beam(scores, LABELS).text == text
    decoded = decode_beam(scores, LABELS, words=["ab", "a", "aab"])
    assert decoded.text == text
