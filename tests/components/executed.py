"""A component's executor, run without an engine."""

from __future__ import annotations


def execute(node, inputs, outputs, context=None, **properties):
    """Runs a component's executor as an engine does, with its Beam arguments in the `context`."""
    node.EXECUTOR_SPEC.executor_class(context).Do(
        {name: [artifact] for name, artifact in inputs.items()},
        made := {name: [artifact] for name, artifact in outputs.items()},
        properties,
    )
    return {name: artifacts[0] for name, artifacts in made.items()}


def artifact(kind, number, uri):
    found = kind()
    found.id, found.uri = number, str(uri)
    return found
