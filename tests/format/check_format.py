"""clang-format over the C++ files of the repository: those that git tracks, or all of src/, tests/ and bench/ where there
is no git.

usage: check_format.py SOURCE_ROOT CLANG_FORMAT     Exit 1 when a file is not as .clang-format has it, 77 when
clang-format is another major version (its taste differs)."""
import pathlib
import shutil
import subprocess
import sys
import tempfile

MAJOR = "14"
SUFFIXES = {".h", ".cpp", ".inc", ".cu", ".cuh"}
FOLDERS = ("src", "tests", "bench")


def cpp_files(root):
    command = ["git", "-C", root, "ls-files", "-z", *FOLDERS]
    tracked = subprocess.run(command, capture_output=True, text=True, check=False).stdout if shutil.which("git") else ""
    if tracked:
        names = [root / name for name in tracked.split("\0") if name]
    else:
        names = [path for folder in FOLDERS for path in sorted((root / folder).rglob("*"))]
    return [path for path in names if path.suffix in SUFFIXES and path.is_file()]


def is_formatted(program, root, files):
    command = [program, f"--style=file:{root / '.clang-format'}", "--dry-run", "-Werror", *files]
    return subprocess.run(command, check=False).returncode == 0


def main():
    root, program = pathlib.Path(sys.argv[1]), sys.argv[2]
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    if f"version {MAJOR}." not in version:
        print(f"SKIPPED: format: needs clang-format {MAJOR}, found: {version.strip()}")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        bad = pathlib.Path(folder) / "bad.cpp"
        bad.write_text("int  f( ){return 1 ;}\n")
        print("The self-test's one complaint:", file=sys.stderr)
        if is_formatted(program, root, [bad]):
            print("the self-test failed: a badly formatted file was accepted")
            return 1
    files = cpp_files(root)
    ok = bool(files) and is_formatted(program, root, files)
    print(f"{len(files)} files, {'all formatted' if ok else 'not all formatted'}")
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
