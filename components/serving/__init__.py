"""What ServingValidator does: a fresh process that loads, replays, times and compares."""
