"""What is drawn from results: the contact sheet of a sweep, and the poster."""
