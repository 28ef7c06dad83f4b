# SPDX-License-Identifier: Apache-2.0
"""The notice: shown in a short-lived process of its own, because what draws windows is larger than all of the watcher.

What the window looks like is in `notice_window`, which knows nothing of us. The title and the text are the school's;
the lines in short are ours, so that the essential stands there whatever the school wrote.
"""

import json
import subprocess
import threading
from collections.abc import Callable
from enum import Enum
from pathlib import Path

PYTHON = "/usr/bin/python3"
"""The system's own: it has the accessible toolkit, which cannot be installed into a private environment."""
PROGRAM = Path(__file__).with_name("notice_window.py")

IN_SHORT = (
    "A program called Schoolwarden reads what you type on this computer.",
    "It looks for words that can mean that someone is in danger or may get hurt.",
    "If it finds some, the adults at your school who keep pupils safe can see that sentence. Nobody else can.",
    "It is made not to read passwords, or what you type to help lines such as Childline.",
    "While it reads, you can see its sign: an eye at the edge of the screen. Click it to see this again.",
)
BUTTON = "I have read this"


class Answer(Enum):
    """How the notice ended."""

    READ = 0
    """The button was pressed. This is the exit code of the window."""
    CLOSED = 1
    CANNOT_SHOW = 3
    """There is no toolkit that could draw it."""


class Notice:
    """The notice on the screen."""

    def __init__(self, title: str, text: str, tell: Callable[[Answer], None]) -> None:
        self._tell = tell
        content = json.dumps({"title": title, "text": text, "in_short": IN_SHORT, "button": BUTTON})
        self._content = content.encode()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._process = subprocess.Popen(
                [PYTHON, "-I", str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
            )
        except OSError:
            tell(Answer.CANNOT_SHOW)
            return
        threading.Thread(target=self._wait, args=(self._process,), name="notice", daemon=True).start()

    def close(self) -> None:
        """Take it from the screen, whatever was answered."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        process.communicate(self._content)
        answers = {answer.value: answer for answer in Answer}
        # Killed, or ended by an error of its own: not read in any case.
        self._tell(answers.get(process.returncode, Answer.CLOSED))
