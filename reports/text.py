"""Text that others wrote, made fit for a terminal or a table: evidence is hostile."""


def printable(text: str) -> str:
    """Replace what is neither printable nor white space, such as escape sequences and direction marks."""
    return "".join(char if char.isprintable() or char in "\n\t " else "\N{REPLACEMENT CHARACTER}" for char in text)


def shorten(text: str, length: int) -> str:
    """Give one printable line of at most so many characters, with an ellipsis where something was left out."""
    flat = " ".join(printable(text).split())
    return flat if len(flat) <= length else flat[: length - 1] + "…"
