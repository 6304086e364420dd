"""What everything else stands on: errors with places, sources, configuration, writing whole files."""
