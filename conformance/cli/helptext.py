"""How help is written: what a command is for, examples to copy, and the exit codes."""

PROGRAM = "margo-conformance"
EXIT_CODES = (
    "Exit codes: 0 conformant, 1 not conformant, 2 usage or configuration, 3 error of the suite itself, "
    "4 incomplete (something blocked, not run or not seen), 130 interrupted."
)
EXIT_CODES_PLAIN = "Exit codes: 0 done, 2 usage or configuration, 3 error of the suite itself, 130 interrupted."


def help_of(purpose: str, *examples: str) -> str:
    """Compose the help of a command: its purpose, then examples as they would be typed."""
    # a paragraph that starts with a backspace keeps its lines
    lines = "\n".join(f"  {PROGRAM} {example}".rstrip() for example in examples)
    return f"{purpose}\n\n\b\nExamples:\n{lines}" if examples else purpose
