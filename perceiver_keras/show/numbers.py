"""Pictures of a model that answers with a number: its answers over the true numbers."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from perceiver_keras.show import style


def scatter(truth: np.ndarray, said: np.ndarray) -> Figure:
    """One dot per example, and the line on which right answers lie.

    Args:
      truth, said: [B].
    """
    truth, said = np.asarray(truth, float), np.asarray(said, float)
    ends = [min(truth.min(), said.min()), max(truth.max(), said.max())] if len(truth) else [0, 1]
    with style.styled():
        figure = style.new_figure(4.2, 4.2)
        axes = figure.add_subplot()
        axes.plot(ends, ends, color=style.GREY, linewidth=1)
        axes.plot(truth, said, ".", color=style.BLUE, markersize=5, alpha=0.6)
        axes.set(xlabel="true", ylabel="the model's answer")
    return figure
