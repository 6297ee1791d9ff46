"""What is known of a stream for certain: what stands where, who wrote it, and what follows from that."""
