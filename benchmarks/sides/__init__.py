"""Those that are measured, one file each: an adapter that `benchmarks/worker.py` loads by its path.

An adapter has `versions() -> {package: version}` and `build(case) -> {"call": runs it once and waits for the result}`,
with these if there is something to say: "compile" (what is done once before the first call), "parameters" (how many),
"repeats" (how many calls make up one result), "examples" (how many one call takes). A peer's adapter imports nothing of
ours: it runs in an environment of its own.
"""
