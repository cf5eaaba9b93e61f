"""The reading room: every Gradio variable is tied to one of the few roles in assets/roles.css.

Light and dark are the same theme with other roles, so both Gradio modes get the same values.
"""

from typing import Final

from gradio.themes import Base, Color, Size

# The colours behind the roles, for what is painted before the style sheet has arrived.
PAGE: Final = "#0e1116"

_GREY = Color("#f5f6f8", "#e6e8eb", "#c9cdd3", "#b4bac2", "#9aa4b2", "#7b8594", "#525c6a", "#2a313c", "#1f262f", "#161b22", PAGE)  # fmt: skip
_SPACE = Size("2px", "4px", "4px", "8px", "8px", "16px", "24px", name="eight")
_ROUND = Size("2px", "4px", "6px", "6px", "6px", "6px", "6px", name="six")
_TEXT = Size("12px", "12px", "12px", "14px", "14px", "20px", "20px", name="three")
_SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'Liberation Sans', sans-serif"
_MONO = "ui-monospace, 'SF Mono', Menlo, Consolas, 'Liberation Mono', monospace"


def _role(name: str) -> str:
    return f"var(--bs-{name})"


def _button(kind: str, fill: str, hover: str, border: str, text: str) -> dict[str, str]:
    return {
        f"button_{kind}_background_fill": fill,
        f"button_{kind}_background_fill_hover": hover,
        f"button_{kind}_border_color": border,
        f"button_{kind}_border_color_hover": border,
        f"button_{kind}_text_color": text,
        f"button_{kind}_text_color_hover": text,
        f"button_{kind}_shadow": "none",
        f"button_{kind}_shadow_hover": "none",
        f"button_{kind}_shadow_active": "none",
    }


def _colours() -> dict[str, str]:
    page, panel, raised = f"var(--bs-page, {PAGE})", _role("panel"), _role("raised")
    line, text, faint, accent = _role("line"), _role("text"), _role("faint"), _role("accent")
    return {
        "body_background_fill": page,
        "body_text_color": text,
        "body_text_color_subdued": faint,
        "background_fill_primary": page,
        "background_fill_secondary": panel,
        "border_color_accent": accent,
        "border_color_accent_subdued": line,
        "border_color_primary": line,
        "color_accent": accent,
        "color_accent_soft": raised,
        "link_text_color": accent,
        "link_text_color_active": accent,
        "link_text_color_hover": text,
        "link_text_color_visited": accent,
        "code_background_fill": raised,
        "block_background_fill": "transparent",
        "block_border_color": line,
        "block_info_text_color": faint,
        "block_label_background_fill": "transparent",
        "block_label_border_color": "transparent",
        "block_label_text_color": faint,
        "block_title_background_fill": "transparent",
        "block_title_text_color": faint,
        "panel_background_fill": panel,
        "panel_border_color": line,
        "accordion_text_color": text,
        "table_text_color": text,
        "table_border_color": line,
        "table_even_background_fill": "transparent",
        "table_odd_background_fill": "transparent",
        "table_row_focus": raised,
        "checkbox_background_color": page,
        "checkbox_background_color_focus": page,
        "checkbox_background_color_hover": raised,
        "checkbox_background_color_selected": accent,
        "checkbox_border_color": _role("edge"),
        "checkbox_border_color_focus": accent,
        "checkbox_border_color_hover": accent,
        "checkbox_border_color_selected": accent,
        "checkbox_check": _role("check"),
        "checkbox_label_background_fill": "transparent",
        "checkbox_label_background_fill_hover": raised,
        "checkbox_label_background_fill_selected": raised,
        "checkbox_label_border_color": line,
        "checkbox_label_border_color_hover": _role("edge"),
        "checkbox_label_border_color_selected": accent,
        "checkbox_label_text_color": text,
        "checkbox_label_text_color_selected": text,
        "error_background_fill": panel,
        "error_border_color": _role("warn"),
        "error_text_color": text,
        "error_icon_color": _role("warn"),
        "input_background_fill": page,
        "input_background_fill_focus": page,
        "input_background_fill_hover": page,
        "input_border_color": _role("edge"),
        "input_border_color_focus": accent,
        "input_border_color_hover": accent,
        "input_placeholder_color": faint,
        "loader_color": accent,
        "slider_color": accent,
        "stat_background_fill": raised,
        **_button("primary", accent, text, accent, _role("ink")),
        **_button("secondary", "transparent", raised, _role("edge"), text),
        **_button("cancel", "transparent", raised, _role("warn"), text),
    }


def _shapes() -> dict[str, str]:
    return {
        **dict.fromkeys(
            ("shadow_drop", "shadow_drop_lg", "shadow_inset", "block_shadow", "block_label_shadow"),
            "none",
        ),
        **dict.fromkeys(
            ("checkbox_shadow", "checkbox_label_shadow", "checkbox_label_shadow_hover"), "none"
        ),
        **dict.fromkeys(
            ("input_shadow", "input_shadow_focus", "checkbox_label_shadow_active"), "none"
        ),
        **dict.fromkeys(("button_transform_hover", "button_transform_active"), "none"),
        "shadow_spread": "0px",
        "block_border_width": "0px",
        "block_padding": "0px",
        "block_label_padding": "0px",
        "block_label_border_width": "0px",
        "block_label_text_weight": "400",
        "block_title_text_weight": "400",
        "block_title_padding": "0px",
        "button_border_width": "1px",
        "button_transition": "background-color 100ms, border-color 100ms",
        "button_large_text_weight": "500",
        "button_medium_text_weight": "500",
        "button_small_text_weight": "400",
        "checkbox_border_radius": "3px",
        "checkbox_label_border_width": "0px",
        "checkbox_label_padding": "6px 8px",
        "input_border_width": "1px",
        "input_padding": "6px 8px",
        "form_gap_width": "8px",
        "layout_gap": "16px",
    }


class ReadingRoom(Base):
    """Dark panels, hairlines, bone ivory for what is active; system fonts, nothing fetched."""

    def __init__(self) -> None:
        super().__init__(
            primary_hue=_GREY,
            secondary_hue=_GREY,
            neutral_hue=_GREY,
            text_size=_TEXT,
            spacing_size=_SPACE,
            radius_size=_ROUND,
            font=[_SANS],
            font_mono=[_MONO],
        )
        self.name = "reading-room"
        values = {**_colours(), **_shapes()}
        # Unset dark twins would keep the base theme's greys.
        twins = {
            f"{name}_dark": value for name, value in values.items() if hasattr(self, f"{name}_dark")
        }
        self.set(**values, **twins)
