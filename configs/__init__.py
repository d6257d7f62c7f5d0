"""What may be set, where things lie, and the YAML files of the catalogues at hand."""
