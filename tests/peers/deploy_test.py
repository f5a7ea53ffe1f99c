"""The files of deploy/ agree with the daemon: the unit is one that systemd takes, the example of a configuration names
every option and is accepted, and a service manager is told when the worker is ready and when it stops."""
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import tomllib
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "golden"), str(HERE.parent / "support")]
import tool
import worker as support

DEPLOY = support.ROOT / "deploy"
NOT_IN_THE_FILE = {"help", "version", "config"}


def settings_of(unit):
    """{key: last value} of a unit file."""
    return dict(line.split("=", 1) for line in unit.splitlines() if "=" in line and not line.startswith("#"))


class Config(unittest.TestCase):
    TEXT = (DEPLOY / "llorch.toml").read_text(encoding="utf-8")
    EVERY_LINE = re.sub(r"^#(?=[a-z-]+ = )", "", TEXT, flags=re.MULTILINE)

    def test_names_every_option(self):
        text = subprocess.run([support.DAEMON, "--help"], capture_output=True, text=True, timeout=60, check=True).stdout
        options = set(re.findall(r"^ +(?:-\w,)?--([a-z-]+)", text, re.MULTILINE)) - NOT_IN_THE_FILE
        self.assertEqual(set(tomllib.loads(self.EVERY_LINE)), options)

    def test_worker_takes_it(self):
        with support.Worker("--config", DEPLOY / "llorch.toml", "--port", "0", "--threads", "1") as worker:
            self.assertEqual(worker.wait_ready().get("/health").json()["model"], "haiku")
            self.assertEqual(worker.stop(), 0)

    def test_worker_takes_every_line(self):
        """All that is commented out, but for what needs files or memory of the machine, or somebody to call back to."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "every.toml"
            left_out = r"^(api-key-file|chat-template|verify-manifest|tls-cert|tls-key|callback-url|kv-cache-mb|threads|port) = .*$"
            path.write_text(re.sub(left_out, "", self.EVERY_LINE, flags=re.MULTILINE))
            with support.Worker("--config", path, "--port", "0", "--threads", "1") as worker:
                health = worker.wait_ready().get("/health").json()
                self.assertEqual(health["worker_id"], tomllib.loads(self.EVERY_LINE)["worker-id"])
                self.assertEqual(worker.stop(), 0)


class Unit(unittest.TestCase):
    TEXT = (DEPLOY / "llorch.service").read_text(encoding="utf-8")

    def test_agrees_with_the_configuration(self):
        settings, config = settings_of(self.TEXT), tomllib.loads(Config.EVERY_LINE)
        self.assertGreater(int(settings["TimeoutStopSec"]), config["drain-timeout"])
        self.assertGreater(int(settings["LimitNOFILE"]), config["max-connections"])
        self.assertEqual(set(settings["RestartPreventExitStatus"].split()), {"2", "3"})

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_takes_it(self):
        done = self.verify(self.TEXT)
        self.assertEqual((done.returncode, done.stdout), (0, ""))

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_systemd_sees_a_typing_error(self):
        self.assertNotEqual(self.verify(self.TEXT.replace("DynamicUser=", "DynamicUzer=")).stdout, "")

    def verify(self, text):
        """systemd-analyze of a unit whose program is the daemon of this build."""
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "llorch.service"
            path.write_text(text.replace("/usr/local/bin/llorch-cpu-candled", support.DAEMON))
            command = ["systemd-analyze", "verify", "--man=no", path]
            return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60, check=False)


def calls_of_set(name):
    """The system calls of a set such as @system-service, as systemd knows it."""
    calls = set()
    text = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, timeout=60, check=True).stdout
    for word in (line.strip() for line in text.splitlines()):
        if word.startswith("@") and word != name:
            calls |= calls_of_set(word)
        elif re.fullmatch(r"\w+", word):
            calls.add(word)
    return calls


@unittest.skipUnless(shutil.which("systemd-analyze") and shutil.which("strace"), "needs systemd-analyze and strace")
@unittest.skipIf(os.environ.get("LLORCH_SANITIZE"), "sanitizers do not run under strace")
class Sandbox(unittest.TestCase):
    def test_the_filter_lets_through_what_the_worker_calls(self):
        allowed = set()
        for word in settings_of(Unit.TEXT)["SystemCallFilter"].split():
            allowed |= calls_of_set(word) if word.startswith("@") else {word}
        with tempfile.TemporaryDirectory() as folder:
            trace = pathlib.Path(folder) / "trace"
            with support.Worker(*support.HAIKU, prefix=["strace", "-f", "-qq", "-o", trace]) as worker:
                worker.wait_ready()
                with support.Stream(worker, support.long_answer("traced")) as stream:
                    stream.read_all()
                worker.metrics()
                self.assertEqual(worker.post("/shutdown").status, 202)
                self.assertEqual(worker.wait_exit(), 0)
            called = set(re.findall(r"^\d+ +(\w+)\(", trace.read_text(errors="replace"), re.MULTILINE))
        self.assertIn("accept", " ".join(called))
        self.assertEqual(called - allowed, set())


class ServiceManager(unittest.TestCase):
    def receive(self, manager):
        manager.settimeout(support.PATIENCE)
        return manager.recv(4096).decode().split("\n")

    def test_is_told(self):
        with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{folder}/notify")
            with support.Worker(*support.HAIKU, env={"NOTIFY_SOCKET": f"{folder}/notify"}) as worker:
                self.assertIn("READY=1", self.receive(manager))
                self.assertEqual(worker.get("/health").status, 200)
                self.assertEqual(worker.stop(), 0)
                self.assertIn("STOPPING=1", self.receive(manager))

    def test_is_not_told_before_the_worker_is_ready(self):
        with socket.create_server(("127.0.0.1", 0)) as silent, tempfile.TemporaryDirectory() as folder, \
                socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.bind(f"{folder}/notify")
            url = f"http://127.0.0.1:{silent.getsockname()[1]}"
            with support.Worker(*support.HAIKU, "--callback-url", url, env={"NOTIFY_SOCKET": f"{folder}/notify"}) as worker:
                silent.settimeout(support.PATIENCE)
                silent.accept()[0].close()  # the model is loaded by now
                self.assertEqual(worker.get("/health").status, 503)
                manager.setblocking(False)
                with self.assertRaises(BlockingIOError):
                    self.fail(f"told {manager.recv(4096)!r}")


if __name__ == "__main__":
    tool.main()
