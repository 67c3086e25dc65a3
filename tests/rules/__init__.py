"""Which scenario exercises which rule of docs/semantics.md, shown by breaking the rules one by one."""
