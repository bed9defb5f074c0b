"""Python's documentation as passages: splits that share nothing, the same every time."""

from __future__ import annotations

from perceiver_keras.data.builders.perceiver_docs import perceiver_docs_dataset_builder as docs


def test_paragraphs_are_kept_once_and_lines_whole():
    seen: set[str] = set()
    text = "\n\n".join(f"Paragraph {i}:\n" + f"words of number {i} " * 8 for i in range(9))
    found = docs.passages(text, seen)
    assert all(docs.SHORTEST <= len(p.encode()) <= docs.PASSAGE for p in found)
    lines = {line.rstrip() for line in text.split("\n") if line}
    assert {line for p in found for line in p.split("\n") if line} == lines
    assert docs.passages(text, seen) == []  # another document that quotes it
    assert docs.passages("Something new that is long enough.\n\n" + text, seen) == [
        "Something new that is long enough."
    ]


def test_a_document_has_its_split_by_name():
    names = [f"topic {i}" for i in range(4000)]
    splits = [docs.split_of(name) for name in names]
    assert splits == [docs.split_of(name) for name in names]
    for split, share in (*docs.SHARES.items(), ("train", 0.75)):
        assert abs(splits.count(split) / 4000 - share) < 0.03


def test_docstrings_are_read_without_importing():
    text = docs.docstrings("this")  # importing it prints
    assert text == ""
    assert "Heap queue" in docs.docstrings("heapq") or "heap" in docs.docstrings("heapq")
    assert docs.docstrings("no_such_module_at_all") == docs.docstrings("sys") == ""


def test_there_is_enough_to_learn_from():
    from pydoc_data.topics import topics

    found = docs.documents()
    assert {f"topic {name}" for name in topics} <= found.keys()
    assert list(found) == sorted(found)
    assert sum(map(len, found.values())) > 1_000_000
