"""Pure tensor functions: the equations, without parameters."""
