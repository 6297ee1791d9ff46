"""What each answer proves: the positions at which its operation may have taken place."""
