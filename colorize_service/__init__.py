"""Colorize: a service that gives black-and-white photos their colours."""
