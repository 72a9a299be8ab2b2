"""The HTTP face of the runtime: one BentoML service over one engine."""
