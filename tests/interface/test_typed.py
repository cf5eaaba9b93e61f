"""What a person writes while a part of the page still loads stays written."""

from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

# As Gradio does once more when everything in a fold has loaded: the first value, not as a person types.
FALL_BACK = """(field) => {
	const own = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value");
	own.set.call(field, "50");
	field.dispatchEvent(new Event("input", {bubbles: true}));
}"""


def number_in_fold(page: Page) -> Locator:
    page.get_by_text("More", exact=True).locator("visible=true").click()
    number = page.get_by_label("number input for Questions on virtual patients")
    number.fill("12")
    return number


def test_a_field_that_falls_back_is_given_its_words_again(open_tab: Callable[[str], Page]) -> None:
    page = open_tab("Turing test")
    number = number_in_fold(page)
    number.evaluate(FALL_BACK)
    expect(number).to_have_value("12")
    range_ = page.get_by_label("range slider for Questions on virtual patients")
    expect(range_).to_have_value("12")


def test_an_answer_to_a_pressed_button_counts(open_tab: Callable[[str], Page]) -> None:
    page = open_tab("Turing test")
    number = number_in_fold(page)
    page.click("#study-unblind")  # refused: no study is chosen
    page.get_by_text("Choose a study in the table first").wait_for()
    number.evaluate(FALL_BACK)
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
    expect(number).to_have_value("50")
