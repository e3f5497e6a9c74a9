"""Paper: frozen values in, bytes out."""
