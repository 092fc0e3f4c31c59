"""The look of the drawings: few colours, told apart in grey as well; both renderers use it."""

from typing import NamedTuple

FONT = "Helvetica,Arial,sans-serif"

INK = "#1B1F24"  # symbols and values
QUIET = "#667085"  # formulas, labels, what there is no number for
GRADIENT = "#B42318"  # what flows backward
ARROW = "#7A8494"
BACK = "#1F5FA8"  # what a program writes back, as the parameters themselves
LAYER_FILL = "#F7F8FA"
LAYER_LINE = "#D9DEE5"
PHASE_FILLS = (LAYER_FILL, "#FDF5F3", "#F1F6FD")  # forward, backward and update: as values, gradients and parameters


class Look(NamedTuple):
    """How one kind of box is drawn."""

    fill: str
    line: str
    thick: float
    shape: str  # "note": a sheet with a folded corner; "box"; "round"


LOOKS = {
    "data": Look("#EEF0F3", "#8A94A3", 0.8, "note"),
    "parameter": Look("#DCE9F9", "#1F5FA8", 1.8, "box"),
    "operation": Look("#FFFFFF", "#98A2B3", 0.8, "round"),
    "layer": Look("#F7F8FA", "#98A2B3", 1.2, "round"),
}
ROOT_FILL = "#FFF1D6"
ROOT_LINE = "#B54708"


def ink(label: str, value: str) -> str:
    """The colour of a value: gradients in their own, quiet where there is no number."""
    if value.startswith("—"):
        return QUIET
    return GRADIENT if label.startswith("gradient") else INK
