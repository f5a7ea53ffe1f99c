"""A conversation on a terminal: line editing, Ctrl-D, Ctrl-C at the prompt."""
import os
import pathlib
import pty
import re
import select
import signal
import sys
import tempfile
import termios
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "golden"))
import tool

CTRL_C = b"\x03"
CTRL_D = b"\x15\x04"  # Ctrl-U first: what the line caught too early must go, since Ctrl-D ends only at an empty one
PROMPT = b"> "
SECONDS = 60
ATTEMPTS = 10
LOCAL_FLAGS = 3  # of what tcgetattr returns


class Session:
    """`llorch run`, or another verb, on a terminal of its own."""

    def __init__(self, *args, verb="run"):
        self.end = time.monotonic() + SECONDS
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ["TERM"] = "vt100"
            os.execv(tool.BIN, [tool.BIN, verb, *map(str, args)])

    def send(self, data):
        os.write(self.terminal, data)

    def read(self, seconds):
        """What comes within `seconds`; None when nothing does, nothing at all once the program has ended."""
        if not select.select([self.terminal], [], [], seconds)[0]:
            return None
        try:
            return os.read(self.terminal, 4096)
        except OSError:  # how Linux tells that the other end is closed
            return b""

    def wait_for(self, wanted):
        """What was printed up to and with the pattern `wanted`, and what came with it."""
        seen = b""
        while not re.search(wanted, seen):
            more = self.read(1)
            seen += more or b""
            if more == b"" or time.monotonic() > self.end:
                self.kill()
                raise AssertionError(f"no {wanted!r} within {SECONDS} s, or it ended: {seen!r}")
        return seen

    def prompt(self, after=b""):
        """Waits for the prompt (behind the pattern `after`), and for libedit to listen to single keys: it does that only
        after the prompt was shown, and what is typed between the two is echoed twice, or a Ctrl-D taken as text."""
        self.wait_for(after + rb"[\s\S]*> ")
        self.listens()

    def listens(self):
        while termios.tcgetattr(self.terminal)[LOCAL_FLAGS] & termios.ICANON:
            if time.monotonic() > self.end:
                self.kill()
                raise AssertionError("libedit does not listen")
            time.sleep(0.01)

    def status(self):
        """Exit code, or minus the signal that ended it."""
        while self.read(1) != b"":
            if time.monotonic() > self.end:
                self.kill()
                raise AssertionError(f"still running after {SECONDS} s")
        _, status = os.waitpid(self.pid, 0)
        os.close(self.terminal)
        return os.waitstatus_to_exitcode(status)

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


class Terminal(unittest.TestCase):
    def test_two_turns_then_ctrl_d(self):
        session = Session("builtin:haiku", "--temperature", "0", "--max-tokens", "8")
        session.prompt()
        for line in (b"the moon", b"a frog"):
            session.send(line + b"\n")
            session.prompt(line + rb"\r\n\s*\w")  # behind an answer
        session.send(CTRL_D)
        self.assertEqual(session.status(), 0)

    def test_times_have_a_line_of_their_own(self):
        for how in (["an old pond", "--raw"], ["--tokens", "5,6"], ["an old pond", "--print-ids"], ["an old pond"]):
            session = Session("builtin:haiku", *how, "--stats", "--max-tokens", "3", "--ignore-eos", "--seed", "1")
            session.wait_for(rb"[^\r\n]\r\nllorch: \d+ prompt tokens")
            self.assertEqual(session.status(), 0)

    def test_bars_say_what_is_done(self):
        with tempfile.TemporaryDirectory() as work:
            for verb, source, args, bar in (("quantize", "haiku.gguf", ["--type", "Q8_0"], rb"quantizing \["), ("convert", "hf", [], rb"writing \[")):
                session = Session(tool.ROOT / "models/haiku" / source, pathlib.Path(work, "out"), *args, verb=verb)
                session.wait_for(bar)
                self.assertEqual(session.status(), 0)

    def test_ctrl_c_at_the_prompt_ends(self):
        session = Session()
        session.prompt()
        session.send(CTRL_C)
        self.assertEqual(session.status(), -signal.SIGINT)

    def test_ctrl_c_stops_an_answer(self):
        session = Session("builtin:haiku", "--ignore-eos", "--device", "ref", "--threads", "1")
        session.prompt()
        for _ in range(ATTEMPTS):
            session.send(b"the moon\n")
            seen = session.wait_for(rb"the moon\r\n\s*\w")
            os.kill(session.pid, signal.SIGSTOP)  # the embedded model is fast: hold it while we look
            while more := session.read(0.1):
                seen += more
            ended = PROMPT in seen
            if not ended:
                os.kill(session.pid, signal.SIGINT)
            os.kill(session.pid, signal.SIGCONT)
            if not ended:
                session.prompt()
                session.send(CTRL_D)
                self.assertEqual(session.status(), 0)
                return
            session.listens()
        session.kill()
        self.skipTest("each answer ended before it could be stopped")


if __name__ == "__main__":
    tool.main()
