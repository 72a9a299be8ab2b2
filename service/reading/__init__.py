"""A request on its way in: which type it accepts, its body, and the fields in it."""
