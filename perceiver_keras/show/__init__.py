"""Pictures for people: predictions, attention maps, learning curves and the HTML report.

Figures are matplotlib's, made without pyplot: no window system, no state between them, safe in a
worker's thread.
"""
