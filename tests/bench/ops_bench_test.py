"""ops_bench over tiny shapes: every op, format and KV type is in its JSON with finite numbers, and bad values are refused.

usage: ops_bench_test.py OPS_BENCH"""
import json
import math
import subprocess
import sys
import unittest

PROGRAM = sys.argv.pop()
TINY = ["--threads", "2", "--rows", "48", "--cols", "256", "--rows-of-x", "1,9", "--heads", "4", "--kv-heads", "2",
        "--head-dim", "32", "--context", "96", "--chunk", "40", "--vocab", "1000", "--least-ms", "1", "--memory-mb", "1",
        "--roof-mb", "4"]
OPS = {"matmul", "attend", "embed", "norm", "gate", "add", "rope_store", "sample"}
NUMBERS = ["median_us", "gb_per_sec", "gop_per_sec", "share"]
# Those that every build has; GGUF's names.
FORMATS = """F32 F16 BF16 Q8_0 Q4_0 Q4_1 Q5_0 Q5_1 Q2_K Q3_K Q4_K Q5_K Q6_K IQ1_S IQ1_M IQ2_XXS IQ2_XS IQ2_S IQ3_XXS IQ3_S
IQ4_NL IQ4_XS TQ1_0 TQ2_0 MXFP4 NVFP4 Q1_0 Q2_0""".split()
WITH_Q8 = {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS", "MXFP4"}


def bench(*args):
    return subprocess.run([PROGRAM, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)


class OpsBench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        done = bench(*TINY, "--json")
        assert done.returncode == 0, done.stderr
        cls.report = json.loads(done.stdout)
        cls.measured = cls.report["measured"]

    def of(self, op):
        return [row for row in self.measured if row["op"] == op]

    def test_roof(self):
        for key in ("roof_read_gb_per_sec", "roof_int8_tops", "roof_f32_tflops"):
            self.assertTrue(self.report[key] > 0 and math.isfinite(self.report[key]), key)

    def test_numbers_are_finite(self):
        self.assertEqual({row["op"] for row in self.measured}, OPS)
        for row in self.measured:
            for key in NUMBERS:
                self.assertTrue(isinstance(row[key], (int, float)) and math.isfinite(row[key]) and row[key] >= 0, (key, row))
            self.assertGreater(row["median_us"], 0, row)
            self.assertGreaterEqual(row["runs"], 3, row)

    def test_every_format(self):
        for rows in (1, 9):
            seen = [row["format"] for row in self.of("matmul") if (row["rows_of_x"], row["activations"]) == (rows, "f32")]
            self.assertEqual(sorted(seen), sorted(FORMATS))
            int8 = {row["format"] for row in self.of("matmul") if (row["rows_of_x"], row["activations"]) == (rows, "q8")}
            self.assertLessEqual(WITH_Q8, int8)
        self.assertEqual(sorted(row["format"] for row in self.of("embed")), sorted(FORMATS))

    def test_every_kv_type(self):
        for op, tokens in (("attend", {1, 40}), ("rope_store", {1, 9})):
            seen = {(row["kv_type"], row["tokens"]) for row in self.of(op)}
            self.assertEqual(seen, {(kind, n) for kind in ("f32", "f16", "q8_0") for n in tokens})

    def test_a_choice(self):
        done = bench(*TINY, "--json", "--ops", "matmul", "--formats", "Q4_K,F16", "--tables", "ref")
        rows = json.loads(done.stdout)["measured"]
        self.assertEqual({(row["format"], row["table"]) for row in rows}, {("Q4_K", "ref"), ("F16", "ref")})

    def test_a_line_for_people(self):
        lines = bench(*TINY, "--ops", "norm").stdout.splitlines()
        self.assertIn("roof", lines[0])
        self.assertEqual(len(lines), 3)
        self.assertRegex(lines[1], r"^norm .* us .* GB/s .* Gop/s .*% of (read|f32)$")

    def test_bad_values_are_refused(self):
        for args, words in [
            (["--formats", "Q9"], ["--formats", "Q9"]),
            (["--ops", "mul"], ["--ops", "mul"]),
            (["--tables", "sse"], ["--tables", "sse"]),
            (["--kv-types", "f8"], ["--kv-types", "f8"]),
            (["--rows", "0"], ["--rows", "0"]),
            (["--rows-of-x", "1,x"], ["--rows-of-x", "x"]),
            (["--threads", "two"], ["--threads", "two"]),
            (["--cols", "100"], ["--cols", "100", "Q8_0"]),
            (["--heads", "3"], ["--heads", "3", "--kv-heads"]),
            (["--head-dim", "33"], ["--head-dim", "33"]),
            (["--chunk", "97"], ["--chunk", "97", "--context"]),
            (["extra"], ["extra"]),
        ]:
            given = TINY[:]
            for i, word in enumerate(given):
                if word == args[0]:
                    del given[i:i + 2]
                    break
            done = bench(*given, *args)
            self.assertEqual(done.returncode, 2, (args, done.stderr))
            self.assertEqual(done.stdout, "", args)
            for word in words:
                self.assertIn(word, done.stderr, args)


if __name__ == "__main__":
    unittest.main()
