from __future__ import annotations

import threading
import time
from queue import Empty

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_hwr.device.mailbox import Mailbox


def test_the_newest_item_wins_and_the_others_are_counted() -> None:
    mailbox: Mailbox[int] = Mailbox()
    for item in (1, 2, 3):
        mailbox.put(item)
    assert mailbox.take(0) == 3
    assert mailbox.dropped == 2


@given(st.lists(st.sampled_from(["put", "take", "close"])))
def test_every_item_is_taken_once_or_dropped(actions: list[str]) -> None:
    mailbox: Mailbox[int] = Mailbox()
    put = taken = newest = 0
    closed = False
    for action in actions:
        if action == "put":
            newest = newest if closed else newest + 1
            put += not closed
            mailbox.put(put)
        elif action == "close":
            mailbox.close()
            closed = True
        else:
            try:
                item = mailbox.take(0)
            except Empty:
                assert not closed
            else:
                assert item == newest if item is not None else closed
                taken += item is not None
        assert taken + mailbox.dropped in (put, put - 1)


def test_take_waits_for_an_item_of_another_thread() -> None:
    mailbox: Mailbox[str] = Mailbox()
    threading.Timer(0.05, mailbox.put, ["late"]).start()
    assert mailbox.take(5) == "late"


def test_take_gives_up_at_its_deadline() -> None:
    start = time.monotonic()
    with pytest.raises(Empty):
        Mailbox[int]().take(0.05)
    assert 0.05 <= time.monotonic() - start < 1


def test_close_wakes_the_taker() -> None:
    mailbox: Mailbox[int] = Mailbox()
    threading.Timer(0.05, mailbox.close).start()
    assert mailbox.take(5) is None


def test_an_error_comes_after_the_last_item_and_stays() -> None:
    mailbox: Mailbox[int] = Mailbox()
    mailbox.put(1)
    mailbox.close(OSError("cable out"))
    mailbox.close()
    mailbox.put(2)
    assert mailbox.take(0) == 1
    for _ in range(2):
        with pytest.raises(OSError, match="cable out"):
            mailbox.take(0)
