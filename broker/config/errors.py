"""What is raised when a server can't be configured as it was told to be."""


class ConfigError(Exception):
    """A configuration that can't be used; ``lines`` are errors and warnings, each with its place."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines
