"""The web as the archive needs it: ranges, pages and downloads; it knows no scenes, only whom to trust with a token."""
