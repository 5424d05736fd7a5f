"""The demo: a synthetic granule whose truth is known, scored from end to end."""
