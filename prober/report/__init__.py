"""Writers of a judged run, one module a format, each `render(result) -> str`."""
