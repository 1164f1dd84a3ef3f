"""Images: corpora, bytes and numbers, batches."""
