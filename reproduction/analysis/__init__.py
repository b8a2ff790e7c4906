"""What networks can and cannot know about structures, asked of the networks themselves."""
