"""The doors: Beam sources and sinks, and one module per pipeline."""
