"""What a user sees in the main window: the dock, its plots, the map tool. It shows and asks; the core computes."""
