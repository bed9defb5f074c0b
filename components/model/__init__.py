"""What the components of the model do: Transform's graph, evaluation, publishing, facts for its card."""
