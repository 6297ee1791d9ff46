"""What must hold of every answer and of the chain, whatever the times: one file for each kind of witness."""
