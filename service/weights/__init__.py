"""Other weights for the model that is served, from packages in a folder of the operator's."""
