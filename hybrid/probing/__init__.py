"""Which structural descriptors a model knows (Figure 2)."""
