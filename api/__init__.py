"""The door: JSON API, pages, sign-in, command line."""
