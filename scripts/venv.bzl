"""Makes the Python of this checkout's .venv Bazel's toolchain, without a machine's path in any file."""

def _venv_toolchain_impl(repository):
    workspace = repository.path(Label("//:WORKSPACE")).dirname
    python = workspace.get_child(".venv").get_child("bin").get_child("python")
    if not python.exists:
        fail("there is no .venv: run `make setup` first")
    repository.file("BUILD", """
load("@bazel_tools//tools/python:toolchain.bzl", "py_runtime_pair")

py_runtime(
    name = "python3",
    interpreter_path = "%s",
    python_version = "PY3",
)

py_runtime_pair(
    name = "pair",
    py3_runtime = ":python3",
)

toolchain(
    name = "toolchain",
    toolchain = ":pair",
    toolchain_type = "@bazel_tools//tools/python:toolchain_type",
)
""" % python)

venv_toolchain = repository_rule(
    implementation = _venv_toolchain_impl,
    local = True,
)
