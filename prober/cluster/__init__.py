"""The clusters that can be probed: the seam (`base`) and its implementations."""
