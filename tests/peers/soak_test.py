"""bench/soak_disconnects.py in small: leftovers and endings, no times. A sanitizer's own memory is no leftover."""
import os
import pathlib
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
RSS_MIB = "0" if os.environ.get("LLORCH_SANITIZE") else "64"


class Soak(unittest.TestCase):
    def test_nothing_is_left(self):
        command = [sys.executable, ROOT / "bench/soak_disconnects.py", "--count", "50", "--limit-ms", "0", "--rss-mb", RSS_MIB]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=800, check=False)
        print(done.stdout)
        self.assertEqual(done.returncode, 0)
        self.assertIn("nothing is left over", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
