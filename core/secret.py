"""A secret, given as a value or as a file that holds it."""

from __future__ import annotations

from pathlib import Path

import attrs

from .errors import ConfigurationError


@attrs.frozen
class Secret:
    """One secret; nothing but `reveal()` ever shows it.

    `variable` is the environment variable that it came from, for messages.
    A secret in a file is read again at every `reveal()`, so a rotated one is picked up.
    """

    variable: str
    _value: str | None = attrs.field(default=None, repr=False)
    _file: Path | None = attrs.field(default=None, repr=False)

    def reveal(self) -> str:
        """Return the secret's text, without the new line that secret files end in.

        Raises `ConfigurationError` where the file can't be read, is empty, or has a control
        character inside; the text itself is never part of the message.
        """
        if self._file is None:
            text = self._value or ""
        else:
            try:
                text = self._file.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
                raise ConfigurationError(
                    f"{self.variable}: can't read the file it names, {str(self._file)!r}: {reason}"
                ) from None
        text = text.rstrip("\r\n")
        if not text:
            raise ConfigurationError(f"{self.variable}: the secret is empty")
        if any("\ud800" <= char <= "\udfff" for char in text):  # how bytes stand in a variable
            raise ConfigurationError(f"{self.variable}: the secret is not UTF-8 text")
        if any(ord(char) < 0x20 or ord(char) == 0x7F for char in text):  # noqa: PLR2004
            raise ConfigurationError(
                f"{self.variable}: the secret has a control character in it (its text is not"
                " shown); one trailing new line is allowed, nothing else below U+0020"
            )
        return text
