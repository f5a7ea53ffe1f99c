"""A conversation on a terminal: line editing, Ctrl-D, Ctrl-C at the prompt."""
import os
import pathlib
import pty
import select
import signal
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import tool

CTRL_C = b"\x03"
CTRL_D = b"\x04"
PROMPT = b"> "
SECONDS = 60


class Session:
    """`llorch run` on a terminal of its own."""

    def __init__(self, *args):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "vt100"
            os.execv(tool.BIN, [tool.BIN, "run", *args])

    def send(self, data):
        os.write(self.terminal, data)

    def wait_for(self, wanted):
        """What was printed up to and with `wanted`."""
        seen = b""
        end = time.monotonic() + SECONDS
        while wanted not in seen:
            if not select.select([self.terminal], [], [], max(0.0, end - time.monotonic()))[0]:
                raise AssertionError(f"no {wanted!r} after {SECONDS} s in {seen!r}")
            seen += os.read(self.terminal, 4096)
        return seen

    def status(self):
        """Exit code; minus the signal that ended it."""
        try:
            while os.read(self.terminal, 4096):
                pass
        except OSError:  # the other end is closed
            pass
        _, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)


class Terminal(unittest.TestCase):
    def test_two_turns_then_ctrl_d(self):
        session = Session("builtin:haiku", "--temperature", "0", "--max-tokens", "8")
        session.wait_for(PROMPT)
        for line in (b"the moon\n", b"a frog\n"):
            session.send(line)
            session.wait_for(line.strip())
            answer = session.wait_for(PROMPT)
            self.assertGreater(len(answer.strip()), len(PROMPT), answer)
        session.send(CTRL_D)
        self.assertEqual(session.status(), 0)

    def test_ctrl_c_at_the_prompt_ends(self):
        session = Session()
        session.wait_for(PROMPT)
        session.send(CTRL_C)
        self.assertEqual(session.status(), -signal.SIGINT)

    def test_ctrl_c_stops_an_answer(self):
        session = Session("builtin:haiku", "--ignore-eos", "--device", "ref", "--threads", "1")
        session.wait_for(PROMPT)
        session.send(b"the moon\n")
        session.wait_for(b"the moon\r\n")
        os.read(session.terminal, 1)  # the answer has begun
        session.send(CTRL_C)
        session.wait_for(PROMPT)
        session.send(CTRL_D)
        self.assertEqual(session.status(), 0)


if __name__ == "__main__":
    tool.main()
