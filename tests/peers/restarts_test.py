"""bench/restarts.py in small: every combination of address, signal and moment once, without limits on times."""
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Restarts(unittest.TestCase):
    def test_every_moment(self):
        command = [sys.executable, ROOT / "bench/restarts.py", "--count", "20", "--no-times"]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=800, check=False)
        print(done.stdout)
        self.assertEqual(done.returncode, 0)
        self.assertIn("20 restarts, 0 faults", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
