"""What each tool of `tools/` does, one module or folder a tool."""
