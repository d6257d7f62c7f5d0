"""Look at category files nobody has described yet, and suggest the config that reads them."""
