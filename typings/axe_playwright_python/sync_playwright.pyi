"""What we use of axe-playwright-python, which has no types of its own."""

from typing import Any

from playwright.sync_api import Page

class AxeResults:
    violations_count: int
    def generate_report(self, violation_id: str | None = None) -> str: ...

class Axe:
    def run(
        self, page: Page, context: Any = None, options: dict[str, Any] | None = ...
    ) -> AxeResults: ...
