"""Access tokens: what each of them may do, where they are kept, and who may issue them."""
