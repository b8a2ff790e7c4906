"""What networks can and cannot learn about structures."""
