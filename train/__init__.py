"""From photographs to a checkpoint. Nothing here is needed to serve a model."""
