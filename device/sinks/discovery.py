"""How Home Assistant learns of a device: its MQTT discovery, one retained message for each thing to show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from edge_hwr import __version__

PREFIX = "homeassistant"

# A state of Home Assistant has at most 255 characters; the whole text is in the attributes.
_ENTITIES: tuple[tuple[str, dict[str, Any]], ...] = (
    ("text", {"name": "Text", "topic": "text", "value_template": "{{ value_json.text[:255] }}", "icon": "mdi:draw"}),
    (
        "confidence",
        {
            "name": "Confidence",
            "topic": "text",
            "value_template": "{{ (100 * value_json.confidence) | round(1) }}",
            "unit_of_measurement": "%",
        },
    ),
    ("state", {"name": "State", "topic": "state", "entity_category": "diagnostic"}),
    (
        "age",
        {
            "name": "Age of the text",
            "topic": "measures",
            "value_template": "{{ value_json.age_ms }}",
            "unit_of_measurement": "ms",
            "entity_category": "diagnostic",
        },
    ),
    (
        "temperature",
        {
            "name": "Temperature",
            "topic": "measures",
            "value_template": "{{ value_json.temperature_c }}",
            "device_class": "temperature",
            "unit_of_measurement": "°C",
            "entity_category": "diagnostic",
        },
    ),
)


def announcements(device: str, base: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Topic and message for each entity of `device`, whose topics are under `base`."""
    for key, entity in _ENTITIES:
        described = dict(entity)
        topic = f"{base}/{described.pop('topic')}"
        attributes = {"json_attributes_topic": topic} if key == "text" else {}
        yield (
            f"{PREFIX}/sensor/edge-hwr-{device}/{key}/config",
            {
                **described,
                **attributes,
                "state_topic": topic,
                "unique_id": f"edge-hwr-{device}-{key}",
                "availability_topic": f"{base}/availability",
                "device": {
                    "identifiers": [f"edge-hwr-{device}"],
                    "name": device,
                    "model": "edge-hwr",
                    "sw_version": __version__,
                },
            },
        )
