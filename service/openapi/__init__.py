"""What the service takes and answers, as an OpenAPI document, and a console to try it with."""
