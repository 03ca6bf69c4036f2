"""Other programs that solve the same problem; none of them is needed by drtengine."""
