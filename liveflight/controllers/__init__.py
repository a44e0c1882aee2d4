"""What a performer plays with: each input turns its own language into messages in the mailbox."""
