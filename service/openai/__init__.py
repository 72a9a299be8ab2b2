"""The OpenAI images API, in that API's words."""
