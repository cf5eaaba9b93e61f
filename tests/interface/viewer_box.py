"""A radiograph viewer on a page, for tests: what it says of itself, and where film points lie."""

from typing import Any

from playwright.sync_api import Locator, Page


class Box:
    """The viewer of a name."""

    def __init__(self, page: Page, name: str) -> None:
        self.page = page
        self.place = f"#viewer-{name}"
        self.canvas = page.locator(f"{self.place} canvas")

    def fresh(self) -> "Box":
        """Bring the viewer to where it is right after a film was opened."""
        self.page.mouse.move(0, 0)
        self.ask(
            "(viewer.clearMeasures(), viewer.choose('window'), viewer.cursor = null, viewer.reset())"
        )
        return self

    def ask(self, expression: str) -> Any:
        """Evaluate JavaScript with ``viewer`` and ``canvas`` once the screen has been painted."""
        return self.page.evaluate(
            """async ([place, expression]) => {
                await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
                const viewer = document.querySelector(`${place} .rv`).viewer;
                const canvas = document.querySelector(`${place} canvas`);
                return new Function('viewer', 'canvas', `return ${expression}`)(viewer, canvas);
            }""",
            [self.place, expression],
        )

    def labelled(self, label: str) -> Locator:
        """A control of this viewer, not of one on another tab."""
        return self.page.locator(self.place).get_by_label(label)

    @property
    def state(self) -> dict[str, Any]:
        return self.ask("viewer.state()")

    def wait_for_film(self, rows: int, columns: int) -> None:
        self.page.wait_for_function(
            """([place, rows, columns]) => {
                const film = document.querySelector(`${place} .rv`)?.viewer?.film;
                return film && film.height === rows && film.width === columns;
            }""",
            arg=[self.place, rows, columns],
        )

    def spot(self, x: float, y: float) -> tuple[float, float]:
        """Where on the page a point of the film lies."""
        at = self.ask(
            f"(() => {{ const p = viewer.matrix.transformPoint({{x: {x}, y: {y}}}); return [p.x, p.y]; }})()"
        )
        edge = self.canvas.bounding_box()
        return edge["x"] + at[0], edge["y"] + at[1]

    def shade(self, x: float, y: float) -> list[int]:
        """Red, green, blue on the canvas where the middle of film pixel (x, y) lies."""
        return self.ask(
            f"(() => {{ const p = viewer.matrix.transformPoint({{x: {x} + .5, y: {y} + .5}});"
            " const r = window.devicePixelRatio; "
            "return [...canvas.getContext('2d').getImageData(p.x * r, p.y * r, 1, 1).data].slice(0, 3); })()"
        )

    def drag(
        self, start: tuple[float, float], end: tuple[float, float], button: str = "left"
    ) -> None:
        mouse = self.page.mouse
        mouse.move(*start)
        mouse.down(button=button)
        mouse.move(*end, steps=4)
        mouse.up(button=button)
