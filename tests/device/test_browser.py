"""The page in a real Chromium, as a person uses it. Pictures of it go to docs/page when EDGE_HWR_FAULTS=full."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faults import FULL, report
from mjpeg_server import part, serve
from page_client import TOKEN
from processes import running_page

ROOT = Path(__file__).parents[2]
CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or DRIVER is None, reason="no Chromium here (apt install chromium chromium-driver)"
)
selenium = pytest.importorskip("selenium.webdriver", reason="selenium is installed with the extra `dev`")

SIZES = {"desktop": (1280, 1000, 1.0), "phone": (390, 844, 2.0)}


class Pages:
    """A camera that shows the sample pages in turns, and can be told to show nothing."""

    def __init__(self) -> None:
        self.frozen = threading.Event()
        self.page = 0
        names = ("phone-list.jpg", "meter-form.jpg")
        self._pages = [part((ROOT / "samples" / name).read_bytes()) for name in names]

    def send(self, write: Any, closing: threading.Event) -> None:
        while not closing.wait(0.1):
            if not self.frozen.is_set():
                write(self._pages[self.page])


@pytest.fixture(params=list(SIZES))
def browser(request: pytest.FixtureRequest) -> Iterator[Any]:
    width, height, ratio = SIZES[request.param]
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.add_argument(f"--window-size={width},{height}")
    if request.param == "phone":
        metrics = {"width": width, "height": height, "pixelRatio": ratio, "touch": True, "mobile": True}
        options.add_experimental_option("mobileEmulation", {"deviceMetrics": metrics})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options=options, service=selenium.ChromeService(DRIVER))
    driver.size = request.param
    try:
        yield driver
    finally:
        driver.quit()


def wait_until(condition: Any, timeout_s: float = 30) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_person_watches_keeps_a_snapshot_and_sees_a_stall(browser: Any) -> None:
    camera = Pages()

    def text_of(element: str) -> str:
        return str(browser.find_element("id", element).text)

    with serve(camera.send) as url, running_page("--source", url) as page:
        browser.get(page)
        wait_until(lambda: text_of("state") == "live")
        wait_until(lambda: "63" in text_of("text"))
        wait_until(lambda: "frames/s" in text_of("counts"))
        assert text_of("age").endswith("ms")
        snap = browser.find_element("id", "snap")
        snap.click()
        wait_until(lambda: len(browser.find_elements("css selector", "#snapshots img")) == 1)
        wait_until(lambda: browser.execute_script("return document.querySelector('#snapshots img').naturalWidth") > 0)
        time.sleep(6 if FULL else 0)  # for charts worth a picture
        shoot(browser, "live")
        browser.execute_script("document.querySelector('#snapshots button').click()")
        wait_until(lambda: "63" in text_of("review-text"))
        shoot(browser, "snapshot")
        browser.find_element("id", "review-close").click()

        camera.frozen.set()
        wait_until(lambda: text_of("state") in ("stalled", "recovering"))
        assert "has given no frame" in text_of("banner") or "stalled" in text_of("banner")
        shoot(browser, "stalled")
        camera.frozen.clear()
        camera.page = 1
        wait_until(lambda: text_of("state") == "live")
        wait_until(lambda: text_of("text").startswith("21"))
        assert not browser.find_element("id", "banner").is_displayed()
        width = browser.execute_script("return document.documentElement.scrollWidth - window.innerWidth")
        assert width <= 0, "the page is wider than its window"
        assert browser.get_log("browser") == []
    wait_until(lambda: text_of("state") == "disconnected")
    report(
        f"stream frozen under a page in Chromium ({browser.size})",
        "live text seen, snapshot kept, shown as stalled, live again by itself; no console error",
    )


def test_a_person_shows_the_token(browser: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(TOKEN)
    camera = Pages()
    given = ("--token-file", str(tmp_path / "token"))
    with serve(camera.send) as url, running_page("--source", url, *given) as page:
        browser.get(page)
        show_token(browser, "a wrong token")
        wait_until(lambda: [one.text for one in browser.find_elements("css selector", "[role=alert]")])
        show_token(browser, TOKEN)
        wait_until(lambda: [one.text for one in browser.find_elements("id", "state")] == ["live"])
        said = [entry["message"] for entry in browser.get_log("browser") if entry["level"] != "DEBUG"]
        assert [message for message in said if "401" not in message] == []


def show_token(browser: Any, token: str) -> None:
    (field,) = browser.find_elements("name", "token")
    field.send_keys(token)
    field.submit()


def shoot(browser: Any, name: str) -> None:
    if FULL:
        folder = ROOT / "docs" / "page"
        folder.mkdir(parents=True, exist_ok=True)
        time.sleep(0.5)
        browser.save_screenshot(str(folder / f"{browser.size}-{name}.png"))
