"""The gate's rules, as pure functions: what was measured and how sure it is -> whether a model may be served."""
