"""Label colours that colour-blind people can tell apart: Okabe and Ito (2008), then steps in lightness."""

OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#0072B2", "#D55E00", "#CC79A7")
STEPS = ("#FFC857", "#9AD4F5", "#5FD0AE", "#FFF59B", "#5BA8DC", "#FF9A57", "#EBB1CF", "#8A5F00", "#2C6E93", "#005C43")
PALETTE = OKABE_ITO + STEPS


def next_color(used: list[str]) -> str:
    """Return the first colour not used yet; after the last one the palette starts again."""
    taken = {color.upper() for color in used}
    for color in PALETTE:
        if color not in taken:
            return color
    return PALETTE[len(used) % len(PALETTE)]
