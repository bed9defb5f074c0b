"""How fast and how large this project is, measured next to its peers: `perceiver benchmark`, docs/benchmarks.md.

A *case* is one thing to measure; a *side* is who is measured: ours, or a peer. Each side of a case is a process of its
own, and the sides take turns call by call, so that whatever else the machine does meets all of them alike.
"""

from perceiver_keras import checkout

checkout.one_name(__name__)
