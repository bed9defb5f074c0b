"""Bazel's way into a test file: `py_test` runs a file, and a pytest file by itself runs nothing.

BUILD passes the test file's path, relative to the workspace, as the only argument.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest


def main(arguments: list[str]) -> int:
    root = Path(__file__).absolute().parents[1]
    os.chdir(root)
    # The editable install in .venv would find what BUILD did not grant this test.
    sys.meta_path[:] = [
        finder
        for finder in sys.meta_path
        if "__editable__" not in getattr(finder, "__module__", "")
    ]
    options = ["-p", "no:cacheprovider", "--rootdir", str(root), "-c", str(root / "pyproject.toml")]
    if "TEST_TMPDIR" in os.environ:
        options += ["--basetemp", f"{os.environ['TEST_TMPDIR']}/pytest"]
    if "XML_OUTPUT_FILE" in os.environ:
        options += ["--junit-xml", os.environ["XML_OUTPUT_FILE"]]
    if "TESTBRIDGE_TEST_ONLY" in os.environ:  # bazel test --test_filter
        options += ["-k", os.environ["TESTBRIDGE_TEST_ONLY"]]
    return int(pytest.main([*options, *arguments]))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
