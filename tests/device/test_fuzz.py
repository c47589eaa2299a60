"""Thousands of strange requests, made from our own OpenAPI description: none may find a mistake of the server's."""

from __future__ import annotations

from typing import Any

import pytest
from faults import FULL, report
from hypothesis import HealthCheck, Phase, given, settings
from page_client import TOKEN, page_of, wait_for

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is installed with the extra `dev`")


EXAMPLES = 200 if FULL else 12


@pytest.mark.filterwarnings("ignore")
def test_no_request_finds_an_error_of_the_server() -> None:
    with page_of(token=TOKEN) as page:
        wait_for(lambda: page.live.view)
        authorized = {"Authorization": f"Bearer {TOKEN}"}
        schema = schemathesis.openapi.from_url(f"{page.url}/openapi.json", headers=authorized)
        operations = [operation.ok() for operation in schema.get_all_operations()]
        requests = sum(fuzz(operation, page.url, headers) for operation in operations for headers in (authorized, {}))
        assert page.ask("/healthz").status == 200
    assert requests > 50
    report("HTTP surface fuzzed from its OpenAPI description", f"{requests:,} requests, no answer of the class 5xx")


def fuzz(operation: Any, url: str, headers: dict[str, str]) -> int:
    """Send requests made for `operation`, with the token or without; returns how many."""
    requests = 0

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        nonlocal requests
        requests += 1
        response = case.call(base_url=url, headers=headers, allow_redirects=False)
        assert response.status_code < 500, f"{case.method} {case.path}: {response.status_code}"
        if headers:
            case.validate_response(response)
        elif case.path not in ("/healthz", "/login"):
            assert response.status_code == 401

    send()
    return requests
