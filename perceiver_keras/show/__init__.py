"""Pictures for people: predictions, attention maps, learning curves and the HTML report.

The pictures are matplotlib figures made without pyplot: no window system, no shared state, safe in a
worker thread.
"""
