"""What happened, as lines: records of a run, written as they come and read back; nothing here is judged."""
