"""The only openers of binary formats."""
