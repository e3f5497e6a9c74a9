"""Prefect flows: when code runs, never what is true."""
