"""The texts of variants in parquet-testing's cases.json, and whether JSON says the same."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import Any


@dataclass
class Primitive:
    """A value that is neither object nor array."""

    kind: str
    text: str


HEAD = re.compile(r"Variant\(metadata=VariantMetadata\(dict=\{[^}]*\}\), value=")
PRIMITIVE = re.compile(r"Variant\(type=(\w+), value=([^)]*)\)")
KEY = re.compile(r"([^:{}, ]+): ")


class _Parser:
    """Reads one text from its start."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self, token: str) -> bool:
        found = self.text.startswith(token, self.at)
        self.at += len(token) if found else 0
        return found

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at
        return found

    def value(self) -> Any:
        if self.match(HEAD):
            value = self.value()
            assert self.take(")"), self.text[self.at :]
            return value
        if self.take("VariantArray("):
            value = self.items()
            assert self.take(")"), self.text[self.at :]
            return value
        if self.take("VariantObject(fields={"):
            fields = {}
            while not self.take("})"):
                self.take(", ")
                key = self.match(KEY)
                assert key is not None, self.text[self.at :]
                fields[key[1]] = self.value()
            return fields
        found = self.match(PRIMITIVE)
        assert found is not None, self.text[self.at :]
        return Primitive(found[1], found[2])

    def items(self) -> list[Any]:
        assert self.take("["), self.text[self.at :]
        values: list[Any] = []
        while not self.take("]"):
            self.take(", ")
            values.append(None if self.take("null") else self.value())
        return values


def variants_of_case(case: dict[str, Any]) -> list[Any]:
    """The variants of a case's rows: Primitive, list, dict, or None for a null row."""
    if "variants" in case:
        return _Parser(case["variants"]).items()
    return [_Parser(case["variant"]).value()]


def same_variant(json_value: Any, variant: Any) -> bool:
    """Whether JSON (its floats as text) says what the variant says."""
    if isinstance(variant, dict):
        return (
            isinstance(json_value, dict)
            and json_value.keys() == variant.keys()
            and all(same_variant(json_value[key], item) for key, item in variant.items())
        )
    if isinstance(variant, list):
        return (
            isinstance(json_value, list)
            and len(json_value) == len(variant)
            and all(map(same_variant, json_value, variant))
        )
    if variant is None or variant.kind == "NULL":
        return json_value is None
    if variant.kind == "BINARY":
        return bool(json_value == base64.b64encode(bytes.fromhex(variant.text)).decode())
    if variant.kind in ("BOOLEAN_TRUE", "BOOLEAN_FALSE"):
        return json_value is (variant.text == "true")
    text = variant.text.replace("+00:00", "Z") if "TIMESTAMPTZ" in variant.kind else variant.text
    return bool(str(json_value) == text and isinstance(json_value, int) == variant.kind.startswith("INT"))
